/// The content of `cluster.json`.
struct ClusterFile: Codable, Equatable, Sendable {
    var nodes: [NodeRecord] = []

    func node(_ id: String) throws(ClusterError) -> NodeRecord {
        guard let node = nodes.first(where: { $0.id == id }) else {
            throw .unknownNode(id, known: nodes.map(\.id))
        }
        return node
    }

    mutating func setProcess(_ pid: Int32, of id: String) {
        for index in nodes.indices where nodes[index].id == id { nodes[index].pid = pid }
    }
}

/// What the tool itself must remember between two commands, in `devcluster.json`.
struct ClusterNotes: Codable, Equatable, Sendable {
    /// Whether the cluster was ready once: from then on no node is ever told to found it again.
    var founded = false
    /// The configuration file every node is started with.
    var config: String?
}
