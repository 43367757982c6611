/// What a fresh cluster consists of, before anything has been started.
package struct ClusterPlan: Sendable {
    package var proxies = 3
    package var targets = 3
    package var mountpathsPerTarget = 2
    /// The first proxy's port; 0 takes any block of free ports.
    package var basePort: UInt16 = 8080
    package var config: String?

    package init() {}

    /// The nodes, all not running yet: proxies on the first ports, targets on those that follow.
    func nodes(in directory: ClusterDirectory) throws(ClusterError) -> [NodeRecord] {
        guard proxies <= Limits.nodesPerRoleMax else {
            throw .tooMany(role: "proxies", max: Limits.nodesPerRoleMax)
        }
        guard targets <= Limits.nodesPerRoleMax else {
            throw .tooMany(role: "targets", max: Limits.nodesPerRoleMax)
        }
        let count = proxies + targets
        let base = basePort == 0 ? try Ports.freeBlock(of: count) : basePort
        guard Int(base) + count <= 65_536 else { throw .noFreePorts(count: count) }
        var nodes: [NodeRecord] = []
        for number in 0..<count {
            let role: NodeRecord.Role = number < proxies ? .proxy : .target
            let ordinal = number < proxies ? number + 1 : number - proxies + 1
            nodes.append(
                Self.node(
                    role, ordinal, port: base + UInt16(number), mountpaths: mountpathsPerTarget,
                    in: directory))
        }
        return nodes
    }

    /// Node number `ordinal` of its role, where its files go, and where it listens.
    static func node(
        _ role: NodeRecord.Role, _ ordinal: Int, port: UInt16, mountpaths: Int,
        in directory: ClusterDirectory
    ) -> NodeRecord {
        let id = (role == .proxy ? "p" : "t") + "\(ordinal)"
        let paths = (1...max(1, mountpaths)).map { "\(directory.path)/mountpaths/\(id)/mp\($0)" }
        return NodeRecord(
            id: id, role: role, url: "http://127.0.0.1:\(port)", pid: 0,
            dir: "\(directory.path)/\(id)", mountpaths: role == .target ? paths : [],
            log: "\(directory.logsPath)/\(id).log")
    }
}
