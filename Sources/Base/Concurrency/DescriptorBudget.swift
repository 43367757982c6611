internal import Glibc

/// How many files and connections a process may have open, and who may use them.
///
/// Clients open connections at will. When they could take the last descriptor, a proxy could not open the stream to
/// another, nor a target the file of an upload; so each kind of use has a share, and whoever is beyond it is told so.
public struct DescriptorBudget: Equatable, Sendable {
    /// For clients and other nodes that connect to this one.
    public let connections: Int
    /// For what is kept open to be faster.
    public let cached: Int

    /// Logs, databases, loops, listening sockets, and calls to other nodes.
    private static let own = 32

    /// - Parameters:
    ///   - limit: of the process.
    ///   - wanted: descriptors wanted for keeping things open.
    public init(limit: Int, cached wanted: Int) {
        let rest = max(limit - Self.own, 16)
        cached = min(wanted, rest * 2 / 5)
        // What is left serves the requests of these connections: uploads have a file each.
        connections = (rest - cached) * 3 / 4
    }

    /// Raises the limit as far as this process may; the usual one of 1024 is for programs that use `select`.
    ///
    /// - Returns: the limit.
    public static func raisedLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 { limit.rlim_cur = before }
        return Int(min(limit.rlim_cur, 1 << 20))
    }
}
