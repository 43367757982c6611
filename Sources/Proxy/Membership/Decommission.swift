import API
import Base
import Cluster
import HTTP

/// Decommissioning with the removal of user data (decision 0028), and the end of processes whose node has left.
extension Maintenance {
    /// What the order to a target would be; made of what it says of its disks now, because only those are cleared.
    func order(_ request: Request, to node: Node) async throws(Failure) -> DecommissionOrder {
        let answers = await FanOut(client: client).ask([node], "decommission", on: loop)
        guard let document = answers.documents.first?.body else {
            throw Failure(
                .targetUnreachable,
                "\(node.id) does not say which disks it has, and only it can remove what is on them",
                cause: answers.unanswered.first?.failure.cause,
                next: "start it, or leave 'rm_user_data' out: then its disks keep what they have")
        }
        return DecommissionOrder(
            disks: try RemovalProgress.disks(in: document), endsProcess: request.endsProcess)
    }

    /// What is said in the reply while the target removes.
    static func notice(of id: NodeID) -> String {
        "\(id) removes its user data and leaves the map when that is done; "
            + "GET /v1/cluster?what=decommission shows how far it is"
    }

    /// Tells a node that is off the map to end.
    ///
    /// - Returns: what the operator has to hear; `nil` when it ends.
    func end(_ node: Node) async -> String? {
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

    func describe(
        removalAt node: Node, _ request: Request, in state: ClusterState,
        _ forecast: inout Forecast
    ) async {
        let version = state.map.version
        let isUnderWay = node.flags.contains(.decommission)
        if !isUnderWay {
            forecast.changes.append(
                "\(node.id) takes no part any more (Smap \(version) to \(version + 1))")
        }
        do throws(Failure) {
            let count = try await order(request, to: node).disks.count
            forecast.changes.append("\(node.id) removes the user data on its \(count) mountpaths")
        } catch {
            forecast.warn(.blocked, error.message)
            forecast.next = error.next
        }
        forecast.changes.append("\(node.id) leaves the map when that is done")
        if request.endsProcess { forecast.changes.append("the process of \(node.id) ends") }
        let rest = state.map.candidates.count { $0.id != node.id }
        forecast.activeTargets = Forecast.Count(now: state.map.candidates.count, then: rest)
    }
}

extension ClusterQueries {
    /// Orders to targets, and how far those are that carry one out: `{"nodes":{"t2":{…}}}`.
    func decommissions(_ exchange: Exchange, _ state: ClusterState) async throws {
        let open = state.decommissions.filter { $0.value.phase == .removing }.map(\.key)
        let answers = await fanOut.ask(
            open.compactMap { state.map[$0] }, "decommission", on: exchange.loop)
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.key("nodes")
            json.object { json in
                for (id, record) in state.decommissions {
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
        exchange.respond(.ok, type: "application/json", body: json.bytes)
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
