/// Why a request got no (whole) answer. A status, whatever it is, is no error.
package enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection came about; nothing was sent. `isRefused`: the host is there, and nobody listens on the port.
    case unreachable(String, isRefused: Bool = false)
    /// The connection ended before the answer did; the server may have acted on the request.
    case disconnected
    /// The other side took too long.
    case timedOut
    /// The task that waited was cancelled.
    case cancelled
    /// The URL, the request or what the server sent is not HTTP.
    case malformed(String)
    /// Too many requests wait for a connection to this server already.
    case overloaded
    /// The body is longer than the caller allowed.
    case tooLarge

    package var description: String {
        switch self {
        case .unreachable(let reason, _): reason
        case .disconnected: "the connection ended before the answer did"
        case .timedOut: "no answer in time"
        case .cancelled: "cancelled"
        case .malformed(let reason): reason
        case .overloaded: "too many requests wait for a connection"
        case .tooLarge: "the answer is larger than allowed"
        }
    }
}
