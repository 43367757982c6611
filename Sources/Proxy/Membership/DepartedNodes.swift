import API
import Base
import Cluster
import MetaStore

/// Nodes that the map has no more, looked up in the history: whoever repeats a request to take nodes away, because only a part
/// of it was done, finds some of them gone, and that is what he wanted.
struct DepartedNodes: Sendable {
    let history: HistoryRoute

    struct Departed: Sendable {
        /// As it was last.
        let node: Node
        /// The request that took it off the map.
        let requestID: String
        let time: Timestamp
    }

    /// Those of the ids that have been on the map and were taken off; of each the last time counts. Who never was, or longer ago
    /// than the history here goes back, is not among them.
    func find(
        _ ids: [NodeID], upTo state: ClusterState
    ) async throws(Failure) -> [NodeID: Departed] {
        var open = Set(ids)
        var found: [NodeID: Departed] = [:]
        try await look(back: state) { entry throws(DecodingFailure) in
            for case .node(let old, let new) in try entry.changes {
                guard let id = (new ?? old)?.id, open.remove(id) != nil else { continue }
                guard let old, new == nil else { continue }
                found[id] = Departed(node: old, requestID: entry.requestID, time: entry.time)
            }
            return !open.isEmpty
        }
        return found
    }

    /// When those of the ids were told to remove what users have by an earlier copy of a request, as far as the history here goes
    /// back.
    func told(
        _ ids: [NodeID], by requestID: String, upTo state: ClusterState
    ) async throws(Failure) -> [NodeID: Timestamp] {
        var open = Set(ids)
        var found: [NodeID: Timestamp] = [:]
        guard !open.isEmpty, !requestID.isEmpty else { return found }
        try await look(back: state) { entry throws(DecodingFailure) in
            guard entry.requestID == requestID else { return true }
            for case .decommission(let id, _, let order?) in try entry.changes
            where order.phase == .removing && open.remove(id) != nil {
                found[id] = entry.time
            }
            return !open.isEmpty
        }
        return found
    }

    /// Goes through what has changed the map, the newest first, until nobody wants more.
    private func look(
        back state: ClusterState, _ goesOn: (HistoryEntry) throws(DecodingFailure) -> Bool
    ) async throws(Failure) {
        var before = UInt64.max
        do {
            while true {
                let bound = before
                let page = try await history.page(upTo: state.position.index) { storage in
                    try storage.history(
                        before: bound, about: .map, count: HistoryRoute.countMax)
                }
                for entry in page.entries {
                    guard try goesOn(entry) else { return }
                }
                guard page.hasMore, let last = page.entries.last else { return }
                before = last.position.index
            }
        } catch {
            throw Failure(any: error)
        }
    }
}

extension Maintenance {
    /// A request without the nodes that have left already.
    struct Remainder: Sendable {
        /// What is left to do; `nil` when all have left.
        var request: Request?
        /// Nodes that have left before, by whatever request.
        var gone: [DepartedNodes.Departed] = []
        /// Targets that were told by an earlier copy of the same request, and when. They are on the map anew: since they have
        /// left, or since the order was given up. What they have now was not meant.
        var returned: [(id: NodeID, time: Timestamp)] = []

        /// Whether nobody was put aside.
        var isEmpty: Bool { gone.isEmpty && returned.isEmpty }
    }

    /// Puts those nodes aside that are gone, when it is their going that is asked for.
    ///
    /// - Throws: that some are not known, as ever.
    func remainder(
        of request: Request, in state: ClusterState, _ origin: MetadataService.Origin
    ) async throws(Failure) -> Remainder {
        let absent = request.ids.filter { state.map[$0] == nil }
        // In a session the log remembers, and a request that rests on a version is to be made on it or not at all.
        guard request.action == .shutdown || request.action == .decommission,
            origin.terms.call == nil, origin.terms.preconditions.isEmpty
        else { return Remainder(request: request) }
        let found = absent.isEmpty ? [:] : try await departed.find(absent, upTo: state)
        // An id that is not known refuses all; it says which.
        guard absent.allSatisfy({ found[$0] != nil }) else { return Remainder(request: request) }
        let fresh = request.clearing(request.ids.compactMap { state.map[$0] }).map(\.id)
            .filter { state.decommissions[$0]?.phase != .removing }
        let told = try await departed.told(fresh, by: origin.requestID, upTo: state)
        return Remainder(
            request: request.without(absent + told.keys), gone: absent.compactMap { found[$0] },
            returned: fresh.compactMap { id in told[id].map { (id, $0) } })
    }

    /// Does what an earlier copy of the same request has left to do with nodes that it took off the map: the group lets go of
    /// them, and they end. Nodes that have left by another request are left alone: who is at their address now is not known.
    ///
    /// - Returns: with whom it is not done yet, and what the operator has to hear of each.
    func finish(
        _ remainder: Remainder, _ request: Request, for origin: MetadataService.Origin,
        last: String?
    ) async -> [Open] {
        let gone = remainder.gone.filter { $0.requestID == origin.requestID }.map(\.node)
        let staying = await departure.unreleased(gone)
        let present = await present(gone.without(staying), endedBy: request)
        return staying.map { ($0, "\($0.id) takes part in the group still") }
            + (await end(present, last: last))
    }

    /// Those of nodes that have left which run still although a request ends them.
    func present(_ nodes: [Node], endedBy request: Request) async -> [Node] {
        guard request.action == .shutdown || request.endsProcess else { return [] }
        return await FanOut(client: client).ask(nodes, "snode", on: loop).documents
            .filter { Self.isItself($0.node, $0.body) }.map(\.node)
    }

    private static func isItself(_ node: Node, _ document: [UInt8]) -> Bool {
        guard let json = try? JSONValue(parsing: document), let found = try? Node(json: json)
        else { return false }
        return found.id == node.id && found.role == node.role
    }

    /// How a request is repeated that was done in part.
    static func again(_ origin: MetadataService.Origin) -> String {
        "the same request again, with \(HeaderName.requestID): \(origin.requestID), does what is left"
    }

    /// What is said of nodes that had left before, or are back.
    static func notice(of remainder: Remainder) -> String? {
        let texts =
            remainder.gone.map { "\($0.node.id) has left already, at \(Text.time($0.time))" }
            + remainder.returned.map {
                "\($0.id) was told by this request already, at \(Text.time($0.time)), and is back since: "
                    + "it keeps what it has"
            }
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }
}

extension Maintenance.Request {
    /// The same about the other nodes; `nil` when there are none.
    fileprivate func without(_ others: [NodeID]) -> Maintenance.Request? {
        var rest = self
        rest.ids.removeAll { others.contains($0) }
        return rest.ids.isEmpty ? nil : rest
    }
}
