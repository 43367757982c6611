/// Why a cluster command could not do its work. The description is what the operator reads.
package enum ClusterError: Error, Equatable, CustomStringConvertible {
    case directory(path: String, reason: String)
    case noCluster(directory: String)
    case unreadable(file: String, reason: String)
    case unknownNode(String, known: [String])
    case portInUse(port: UInt16, node: String, reason: String)
    case noFreePorts(count: Int)
    case spawn(node: String, reason: String)
    case notRunning(String)
    case alreadyRunning(String, pid: Int32)
    case signal(node: String, reason: String)
    case stillRunning(node: String, pid: Int32)
    case ended(node: String, log: String, tail: String)
    case notReady(seconds: Int, waitingFor: [String], log: String?, tail: String)
    case tooMany(role: String, max: Int)

    package var description: String {
        switch self {
        case .directory(let path, let reason):
            return "cannot use the directory \(path): \(reason)"
        case .noCluster(let directory):
            return "there is no cluster in \(directory) (no cluster.json); start one with "
                + "martlet cluster start --dir \(directory)"
        case .unreadable(let file, let reason):
            return "cannot read \(file): \(reason)"
        case .unknownNode(let id, let known):
            return "no node \(id) in this cluster; it has \(known.joined(separator: ", "))"
        case .portInUse(let port, let node, let reason):
            return
                "port \(port) for \(node) is not free (\(reason)); choose others with --base-port"
        case .noFreePorts(let count):
            return "found no block of \(count) free ports"
        case .spawn(let node, let reason):
            return "cannot start \(node): \(reason)"
        case .notRunning(let id):
            return "\(id) is not running"
        case .alreadyRunning(let id, let pid):
            return "\(id) is running already (pid \(pid))"
        case .signal(let node, let reason):
            return "cannot signal \(node): \(reason)"
        case .stillRunning(let node, let pid):
            return "\(node) (pid \(pid)) does not go away, not even when killed"
        case .ended(let node, let log, let tail):
            return "\(node) ended before the cluster was ready; the end of \(log):\n\(tail)"
        case .notReady(let seconds, let waitingFor, let log, let tail):
            let list = waitingFor.map { "  \($0)" }.joined(separator: "\n")
            let end = log.map { "\nthe end of \($0):\n\(tail)" } ?? ""
            return "the cluster was not ready after \(seconds) s; still waiting for\n\(list)\(end)"
        case .tooMany(let role, let max):
            return "more than \(max) \(role) on one machine are not supported"
        }
    }
}
