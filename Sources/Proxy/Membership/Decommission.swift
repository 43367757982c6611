import API
import Base
import Cluster
import HTTP

/// Decommissioning with the removal of user data (decision 0028), and the end of processes whose node has left.
extension Maintenance {
    /// What the orders to targets would be; made of what they say of their disks now, because only those are cleared.
    func orders(
        _ request: Request, to nodes: [Node]
    ) async throws(Failure) -> [NodeID: DecommissionOrder] {
        guard !nodes.isEmpty else { return [:] }
        let answers = await FanOut(client: client).ask(nodes, "decommission", on: loop)
        if let first = answers.unanswered.first {
            let silent = answers.unanswered.map(\.node)
            throw Failure(
                .targetUnreachable,
                silent.count == 1
                    ? "\(first.node.id) does not say which disks it has, and only it can remove what is on them"
                    : "\(Text.list(silent)) do not say which disks they have, and only they can remove "
                        + "what is on them",
                cause: first.failure.cause,
                next:
                    "start \(silent.count == 1 ? "it" : "them"), or leave 'rm_user_data' out: then "
                    + "the disks keep what they have")
        }
        var orders: [NodeID: DecommissionOrder] = [:]
        for (node, document) in answers.documents {
            orders[node.id] = DecommissionOrder(
                disks: try RemovalProgress.disks(in: document), endsProcess: request.endsProcess)
        }
        return orders
    }

    /// What is said in the reply while targets remove.
    static func notice(of nodes: [Node]) -> String {
        (nodes.count == 1
            ? "\(nodes[0].id) removes its user data and leaves the map when that is done"
            : "\(Text.list(nodes)) remove their user data, and each leaves the map when that is done")
            + "; GET /v1/cluster?what=decommission shows how far \(nodes.count == 1 ? "it is" : "they are")"
    }

    /// Tells nodes that are off the map to end; the one that a client waits at when all others have been.
    ///
    /// - Returns: those that do not end, and what the operator has to hear of each.
    func end(_ nodes: [Node], last: String?) async -> [(node: Node, text: String)] {
        var untold: [(node: Node, text: String)] = []
        for group in [nodes.filter { $0.id.text != last }, nodes.filter { $0.id.text == last }] {
            untold += await withTaskGroup(of: (Node, String)?.self) { tasks in
                for node in group { tasks.addTask { await end(node).map { (node, $0) } } }
                var untold: [(node: Node, text: String)] = []
                for await trouble in tasks {
                    if let (node, text) = trouble { untold.append((node, text)) }
                }
                return untold.sorted { $0.node.id < $1.node.id }
            }
        }
        for (_, text) in untold { log.warning(text) }
        return untold
    }

    /// - Returns: what the operator has to hear; `nil` when it ends.
    private func end(_ node: Node) async -> String? {
        do {
            let response = try await client.send(
                .put, node.endpoint, "/v1/daemon",
                body: Array(#"{"action":"shutdown","value":{"unregister":false}}"#.utf8),
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutSeconds))
            _ = try await response.collect(upTo: Limits.nodeDocumentBytes)
            if response.status == .ok { return nil }
            return "\(node.id) has left, and did not end: it answered \(response.status.rawValue)"
        } catch {
            // Nothing is lost by it; it is off the map, and stays off until it is started again.
            return "\(node.id) has left, and could not be told to end"
        }
    }

    // MARK: Dry runs

    /// What the orders would be, as far as they can be given.
    func orders(
        _ request: Request, to nodes: [Node], _ forecast: inout Forecast
    ) async -> [NodeID: DecommissionOrder] {
        do throws(Failure) {
            return try await orders(request, to: nodes)
        } catch {
            forecast.block(error)
            return [:]
        }
    }

    /// Puts into a forecast that nodes remove what users have; `others` leave by the same entry.
    func describe(
        removalAt nodes: [Node], _ orders: [NodeID: DecommissionOrder], behind others: [Node],
        in state: ClusterState, _ forecast: inout Forecast
    ) {
        let version = state.map.version + UInt64(others.count)
        let fresh = nodes.filter { !$0.flags.contains(.decommission) }
        if !fresh.isEmpty {
            forecast.changes.append(
                Text.list(fresh, "takes no part any more", "take no part any more")
                    + " (Smap \(version) to \(version + UInt64(fresh.count)))")
        }
        for (id, order) in orders.sorted(by: { $0.key < $1.key }) {
            forecast.changes.append(
                "\(id) removes the user data on its \(order.disks.count) mountpaths")
        }
        forecast.changes.append(
            nodes.count == 1
                ? "\(nodes[0].id) leaves the map when that is done"
                : "\(Text.list(nodes)) leave the map, each when that is done")
        let ids = Set((nodes + others).map(\.id))
        forecast.survival.activeTargets = Survival.Count(
            now: state.map.candidates.count,
            then: state.map.candidates.count { !ids.contains($0.id) })
    }
}

extension ClusterQueries {
    /// Orders to targets, or to one, and how far those are that carry one out: `{"nodes":{"t2":{…}}}`.
    func decommissions(
        _ exchange: Exchange, _ view: MetadataView, of node: NodeID?
    ) async throws {
        let state = view.state
        let records = state.decommissions.filter { node == nil || $0.key == node }
        let open = records.filter { $0.value.phase == .removing }.map(\.key)
        let answers = await fanOut.ask(
            open.compactMap { state.map[$0] }, "decommission", on: exchange.loop)
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.key("nodes")
            json.object { json in
                for (id, record) in records {
                    let told = answers.documents.first { $0.node.id == id }?.body
                    json.key(id.text)
                    json.object { json in
                        json.value(members: record)
                        if let told {
                            json.key("target")
                            json.raw(told)
                        }
                        json.member("next", Self.next(id, record, isHeard: told != nil))
                    }
                }
            }
            json.unanswered(answers.unanswered)
        }
        json.newline()
        exchange.respond(json: json.bytes, of: view)
    }

    private static func next(
        _ id: NodeID, _ record: DecommissionRecord, isHeard: Bool
    ) -> String {
        switch record.phase {
        case .removing where !isHeard:
            "start \(id): it goes on by itself; DELETE /v1/cluster/daemon/\(id) gives the removal up"
        case .removing: "wait, and see 'blockers' of the target"
        case .done where !record.left.isEmpty:
            "the disks under 'left' still have user data: \(id) could not reach them any more"
        case .done: ""
        case .abandoned:
            "\(id) was taken off the map before it was done; what it has not removed is still there"
        }
    }
}
