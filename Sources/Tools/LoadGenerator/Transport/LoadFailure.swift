/// Why one request of a load run failed.
enum LoadFailure: Error, Equatable, CustomStringConvertible {
    case unreachable(String)
    case timeout
    case closed
    case malformed(String)
    case redirects
    case status(Int)

    /// The name under which failures are counted.
    var description: String {
        switch self {
        case .unreachable: "unreachable"
        case .timeout: "timeout"
        case .closed: "connection closed"
        case .malformed(let what): "malformed: \(what)"
        case .redirects: "too many redirects"
        case .status(let code): "status \(code)"
        }
    }
}
