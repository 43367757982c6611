import API
import Base
import Cluster
import HTTP

/// Puts nodes on the map, on the primary: checks that they are who they say, where they say (contract §7.3).
struct Admission: Sendable {
    let metadata: MetadataService
    let published: PublishedState
    let client: Client

    func admit(
        _ request: JoinRequest, for origin: MetadataService.Origin
    ) async throws(Failure) -> JoinReply {
        let state = try await metadata.linearizable().state
        let clusterID = state.map.clusterID
        guard let node = try await checked(request, in: state) else {
            return JoinReply(clusterID: clusterID, position: state.position)
        }
        let outcome = try await metadata.change(.setNode(node), for: origin)
        return JoinReply(clusterID: clusterID, position: outcome.position)
    }

    /// The node as the map is to have it; `nil` when it has it so already.
    ///
    /// - Throws: what speaks against it.
    func checked(
        _ request: JoinRequest, in state: ClusterState
    ) async throws(Failure) -> Node? {
        let clusterID = state.map.clusterID
        guard !clusterID.isEmpty else { throw Failure(Rejection.notFounded) }
        if !request.clusterID.isEmpty, request.clusterID != clusterID {
            throw Failure(
                .wrongCluster,
                "\(request.node.id) belongs to cluster \(request.clusterID); this one is \(clusterID)",
                next: "start it with an empty data directory to make it a new node")
        }
        try Self.checkIsNoOldState(request, state)
        var node = request.node
        if let present = state.map[node.id] {
            // What operators have set stays when a node returns.
            node.flags.formUnion(present.flags.intersection([.maintenance, .decommission]))
            if present == node { return nil }
            if present.address != node.address { try await checkIsGone(present) }
        }
        try await checkIsReachable(node)
        return node
    }

    /// A target that has left for good finds that out by its state, and does not ask. From a state that is older it cannot know: a proxy
    /// that is behind has shown it that, and its disks may be old copies, from before what users had on them was removed; or it has
    /// seen the order, and not that it was carried out.
    private static func checkIsNoOldState(
        _ request: JoinRequest, _ state: ClusterState
    ) throws(Failure) {
        let id = request.node.id
        guard let seen = request.position, state.map[id] == nil,
            let record = state.decommissions[id], record.phase == .done, seen <= record.position
        else { return }
        throw Failure(
            .targetBehind,
            "\(id) was told to leave for good by entry \(record.position.text), and asks upon the state at \(seen.text), in which it has not",
            next:
                "it asks again by itself when it has followed the log that far, if it is another target; "
                + "an operator's POST /v1/cluster/register brings it back in any case")
    }

    /// Puts a node on the map because an administrator says so (contract §7.3). What it is, it says itself: the
    /// administrator's word counts only as far as the node agrees.
    func register(
        _ claimed: Node, for origin: MetadataService.Origin
    ) async throws(Failure) -> JoinReply {
        try await admit(
            JoinRequest(node: try await identified(claimed), clusterID: ""), for: origin)
    }

    /// A node that somebody speaks of, as it says itself that it is.
    func identified(_ claimed: Node) async throws(Failure) -> Node {
        let node: Node?
        do throws(ClientError) {
            node = try await self.node(at: claimed)
        } catch {
            throw unreachable(claimed, error)
        }
        guard let node, node.id == claimed.id, node.role == claimed.role else {
            let found = node.map { "\($0.role.text) \($0.id)" } ?? "something else"
            throw Failure(
                .addressUnreachable,
                "at \(claimed.address.url) answers \(found), not \(claimed.role.text) \(claimed.id)"
            )
        }
        var admitted = claimed
        admitted.member = node.member
        return admitted
    }

    /// Others will use the address, so it has to work from here.
    private func checkIsReachable(_ node: Node) async throws(Failure) {
        let found: NodeID?
        do throws(ClientError) {
            found = try await self.node(at: node)?.id
        } catch {
            throw unreachable(node, error)
        }
        guard found == node.id else {
            throw Failure(
                .addressUnreachable,
                "at \(node.address.url) answers \(found.map(\.text) ?? "something else"), "
                    + "not \(node.id)")
        }
    }

    /// A node with a known id at a new address has moved, unless the old one still answers: then there are two.
    private func checkIsGone(_ node: Node) async throws(Failure) {
        guard (try? await self.node(at: node))?.id == node.id else { return }
        throw Failure(
            .duplicateNode, "node \(node.id) is running already, at \(node.address.url)",
            next: "give the new node an id of its own")
    }

    private func unreachable(_ node: Node, _ error: ClientError) -> Failure {
        let flag = node.role == .proxy ? "--advertise" : "--listen"
        return Failure(
            .addressUnreachable,
            "\(node.id) is said to be at \(node.address.url), where it cannot be reached from "
                + "the primary",
            cause: error.description,
            next: "start it with \(flag) HOST:PORT that other nodes can reach")
    }

    /// Who answers at a node's address; `nil` when it is not one of ours.
    private func node(at node: Node) async throws(ClientError) -> Node? {
        let response = try await client.send(
            .get, node.endpoint, "/v1/daemon?what=snode",
            timeouts: Client.Timeouts(
                connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.reachableSeconds))
        let body = try await response.collect(upTo: Limits.nodeDocumentBytes)
        guard let json = try? JSONValue(parsing: body) else { return nil }
        return try? Node(json: json)
    }
}
