/// One node as `cluster.json` describes it; scripts and checks read these fields.
package struct NodeRecord: Codable, Equatable, Sendable {
    package enum Role: String, Codable, Sendable {
        case proxy
        case target
    }

    package let id: String
    package let role: Role
    package let url: String
    /// The process, or 0 when the node is not running.
    package var pid: Int32
    /// The node's data directory.
    package let dir: String
    package let mountpaths: [String]
    package let log: String

    /// The port in `url`.
    package var port: UInt16 { url.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    /// The arguments that start this node.
    ///
    /// - Parameters:
    ///   - founding: whether this proxy founds the cluster, which happens once in its life.
    ///   - joining: proxies to join through; a node that has a log already resumes instead.
    ///   - config: the configuration file, when the cluster has one.
    /// - Returns: the words after the executable's name.
    func arguments(founding: Bool, joining: [String], config: String?) -> [String] {
        var words = [role.rawValue, "--id", id, "--listen", "127.0.0.1:\(port)", "--data", dir]
        for path in mountpaths { words += ["--mountpath", path] }
        // All of them are below the cluster's directory.
        if !mountpaths.isEmpty { words.append("--share-filesystem") }
        words += founding ? ["--found"] : ["--join", joining.joined(separator: ",")]
        if let config { words += ["--config", config] }
        return words
    }
}
