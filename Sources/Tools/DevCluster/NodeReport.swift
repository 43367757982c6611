/// What one node says about itself and the cluster, as far as it answers.
package struct NodeReport: Sendable {
    package let node: NodeRecord
    package let isAlive: Bool
    package let isPaused: Bool
    /// Whether it answers the readiness question with 200.
    package let isReady: Bool
    /// Why it is not ready, in its own words.
    package let reason: String?
    /// The primary it knows.
    package let primary: String?
    package let mapVersion: String?
    package let bucketsVersion: String?
    /// Ids of proxies and targets in its map.
    package let members: Set<String>

    package var isPrimary: Bool { primary == node.id }

    /// Asks the node; a process that is gone or stopped is not asked.
    package static func of(_ node: NodeRecord) -> NodeReport {
        let state = NodeProcess.state(of: node)
        guard state == .running else {
            return NodeReport(
                node: node, isAlive: state != .gone, isPaused: state == .paused, isReady: false,
                reason: state == .paused ? "paused" : "not running", primary: nil, mapVersion: nil,
                bucketsVersion: nil, members: [])
        }
        let health = NodeProbe.get("/v1/health?readiness=true", port: node.port)
        let map = NodeProbe.get("/v1/daemon?what=smap&consistency=stale", port: node.port)?
            .decoded(as: MapDocument.self)
        // The map of the buckets may be large; this names its version.
        let maps = NodeProbe.get("/v1/health?cii=true", port: node.port)?
            .decoded(as: MapVersions.self)
        let reason =
            health.map { reply in
                reply.decoded(as: FailureDocument.self)?.message ?? "status \(reply.status)"
            } ?? "no answer"
        let isReady = health?.status == 200
        return NodeReport(
            node: node, isAlive: true, isPaused: false, isReady: isReady,
            reason: isReady ? nil : reason, primary: map?.primary?.id, mapVersion: map?.version,
            bucketsVersion: maps?.buckets.version, members: map?.members ?? [])
    }
}

/// The part of the cluster map (AIS: Smap) that this tool reads.
private struct MapDocument: Decodable {
    struct Node: Decodable {
        let id: String
        enum CodingKeys: String, CodingKey { case id = "daemon_id" }
    }
    let targets: [String: Node]?
    let proxies: [String: Node]?
    let primary: Node?
    let version: String

    var members: Set<String> { Set((targets ?? [:]).keys).union((proxies ?? [:]).keys) }

    enum CodingKeys: String, CodingKey {
        case targets = "tmap"
        case proxies = "pmap"
        case primary = "proxy_si"
        case version
    }
}

private struct MapVersions: Decodable {
    struct Map: Decodable { let version: String }
    let buckets: Map
    enum CodingKeys: String, CodingKey { case buckets = "bmd" }
}

private struct FailureDocument: Decodable {
    let message: String
}
