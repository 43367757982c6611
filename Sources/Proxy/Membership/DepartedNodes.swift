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
        var before = UInt64.max
        while !open.isEmpty {
            let bound = before
            do {
                let page = try await history.page(upTo: state.position.index) { storage in
                    try storage.history(
                        before: bound, about: .map, count: HistoryRoute.countMax)
                }
                for entry in page.entries {
                    for case .node(let old, let new) in try entry.changes {
                        guard let id = (new ?? old)?.id, open.remove(id) != nil else { continue }
                        guard let old, new == nil else { continue }
                        found[id] = Departed(
                            node: old, requestID: entry.requestID, time: entry.time)
                    }
                }
                guard page.hasMore, let last = page.entries.last else { break }
                before = last.position.index
            } catch {
                throw Failure(any: error)
            }
        }
        return found
    }
}

extension Maintenance {
    /// A request without the nodes that have left already.
    struct Remainder: Sendable {
        /// What is left to do; `nil` when all have left.
        var request: Request?
        /// Nodes that have left before, by whatever request.
        var gone: [DepartedNodes.Departed] = []
    }

    /// Puts those nodes aside that are gone, when it is their going that is asked for.
    ///
    /// - Throws: that some are not known, as ever.
    func remainder(
        of request: Request, in state: ClusterState, _ origin: MetadataService.Origin
    ) async throws(Failure) -> Remainder {
        let absent = request.ids.filter { state.map[$0] == nil }
        // In a session the log remembers, and a request that rests on a version is to be made on it or not at all.
        guard !absent.isEmpty, request.action == .shutdown || request.action == .decommission,
            origin.terms.call == nil, origin.terms.preconditions.isEmpty
        else { return Remainder(request: request) }
        let found = try await departed.find(absent, upTo: state)
        // An id that is not known refuses all; it says which.
        guard absent.allSatisfy({ found[$0] != nil }) else { return Remainder(request: request) }
        return Remainder(
            request: request.without(absent), gone: absent.compactMap { found[$0] })
    }

    /// What an earlier copy of the same request has left to do with nodes that it took off the map: the group lets go of them, and
    /// they end. Nodes that have left by another request are left alone: who is at their address now is not known.
    ///
    /// - Throws: that it is not done yet.
    func finish(
        _ remainder: Remainder, _ request: Request, for origin: MetadataService.Origin,
        last: String?
    ) async throws(Failure) {
        let gone = remainder.gone.filter { $0.requestID == origin.requestID }.map(\.node)
        let others = request.ids.filter { id in !gone.contains { $0.id == id } }
        let staying = await departure.unreleased(gone)
        var untold: [(node: Node, text: String)] = []
        if request.action == .shutdown || request.endsProcess {
            let present = await FanOut(client: client).ask(
                gone.without(staying), "snode", on: loop
            ).documents.filter { Self.isItself($0.node, $0.body) }
            untold = await end(present.map(\.node), last: last)
        }
        guard !staying.isEmpty || !untold.isEmpty else { return }
        var failure = Failure(
            .partlyDone,
            (staying.map { "\($0.id) takes part in the group still" } + untold.map(\.text))
                .joined(separator: "; "), next: Self.again(origin))
        failure.requestID = origin.requestID
        failure.notDone = (staying + untold.map(\.node)).map(\.id.text)
        failure.done =
            others.map(\.text) + gone.map(\.id.text).filter { !failure.notDone.contains($0) }
        throw failure
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

    /// What is said of nodes that had left before.
    static func notice(ofGone gone: [DepartedNodes.Departed]) -> String? {
        guard !gone.isEmpty else { return nil }
        return gone.map { "\($0.node.id) has left already, at \(Text.time($0.time))" }
            .joined(separator: "; ")
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
