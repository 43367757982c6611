public import Base

/// The cluster map (AIS: Smap): who is in the cluster, where, and which proxy is the primary.
public struct ClusterMap: Equatable, Sendable {
    /// AIStore's counter, for people and old clients. Order between states is ``LogPosition``.
    public internal(set) var version: UInt64 = 0
    public internal(set) var clusterID = ""
    public internal(set) var created = Timestamp(nanoseconds: 0)
    public internal(set) var nodes = SortedMap<NodeID, Node>()
    public internal(set) var primary: NodeID?
    /// The active targets in id order, each with its digest: what placement reads on every request.
    public private(set) var candidates: [Placement.Candidate] = []

    public init() {}

    public subscript(id: NodeID) -> Node? { nodes[id] }

    /// The nodes of one role, in id order.
    public func nodes(_ role: NodeRole) -> [Node] { nodes.values.filter { $0.role == role } }

    public func node(member: UInt64) -> Node? {
        nodes.values.first { $0.role == .proxy && $0.member == member }
    }

    /// The target that owns an object, given the digest of its key; `nil` without active targets.
    public func target(owning digest: UInt64) -> Node? {
        Placement.owner(of: digest, among: candidates).flatMap { nodes[candidates[$0].id] }
    }

    /// The target that would own the object if it took part: one in maintenance, which may have it. For misses only. One that
    /// is leaving for good gives up what it has, and is waited for by nobody.
    public func absentTarget(owning digest: UInt64) -> Node? {
        let targets = nodes(.target).filter { !$0.flags.contains(.decommission) }
        guard targets.count > candidates.count else { return nil }
        let all = targets.map { Placement.Candidate(id: $0.id, digest: $0.id.digest) }
        guard let place = Placement.owner(of: digest, among: all), !targets[place].isActive
        else { return nil }
        return targets[place]
    }

    mutating func set(_ node: Node) {
        nodes[node.id] = node
        if node.role == .target { rebuildCandidates() }
    }

    mutating func remove(_ id: NodeID) {
        let removed = nodes[id]
        nodes[id] = nil
        if removed?.role == .target { rebuildCandidates() }
    }

    private mutating func rebuildCandidates() {
        candidates = nodes.values.filter { $0.role == .target && $0.isActive }.map {
            Placement.Candidate(id: $0.id, digest: $0.id.digest)
        }
    }
}
