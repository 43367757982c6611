import API
import Base
import Cluster
import HTTP
import Statistics

/// The documents of `/v1/cluster` that are gathered from its nodes (contract §7.1, §10, §11).
///
/// A node that does not answer is named, in the document and in a header, and the others' answers stand: who looks at
/// a cluster's statistics often does because a node is missing.
struct ClusterQueries: Sendable {
    let node: Node
    let statistics: StatisticsRoutes
    let fanOut: FanOut

    /// Answers with a document that is gathered from the nodes of `state`.
    func serve(
        _ exchange: Exchange, _ question: ClusterQuestion, of state: ClusterState
    ) async throws {
        let map = state.map
        switch question {
        case .stats: try await stats(exchange, map)
        case .sysinfo: try await systemInformation(exchange, map)
        case .mountpaths: await mountpaths(exchange, map)
        case .xactionStatus, .xactionStatuses, .runningXactions:
            try await xactionStates(exchange, question, state)
        default:
            let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
            try await xactionStatistics(exchange, state, body)
        }
    }

    /// Every node but this one.
    private func others(_ map: ClusterMap) -> [Node] {
        map.nodes(.target) + map.nodes(.proxy).filter { $0.id != node.id }
    }

    /// Contract §10.3; behind it the counters of every proxy, since it has those of one alone.
    private func stats(_ exchange: Exchange, _ map: ClusterMap) async throws {
        let answers = await fanOut.ask(others(map), "stats", on: exchange.loop)
        let snapshot = statistics.statistics.snapshot()
        respond(exchange, answers) { json in
            json.key("proxy")
            json.value(snapshot.counters(averaged: true), zeros: true)
            json.key("target")
            json.value(answers.documents.filter { $0.node.role == .target })
            json.key("proxies")
            json.object { json in
                json.key(node.id.text)
                json.value(snapshot.counters(averaged: false), zeros: false)
                for (node, body) in answers.documents where node.role == .proxy {
                    json.key(node.id.text)
                    json.raw(body)
                }
            }
        }
    }

    /// Contract §10.6, with the proxy that answers.
    private func systemInformation(_ exchange: Exchange, _ map: ClusterMap) async throws {
        let answers = await fanOut.ask(others(map), "sysinfo", on: exchange.loop)
        let report = try await statistics.statistics.report(on: exchange.loop)
        let snapshot = statistics.statistics.snapshot()
        respond(exchange, answers) { json in
            json.key("proxy")
            json.object { json in
                json.key(node.id.text)
                json.systemInformation(report, snapshot)
                for (node, body) in answers.documents where node.role == .proxy {
                    json.key(node.id.text)
                    json.raw(body)
                }
            }
            json.key("target")
            json.value(answers.documents.filter { $0.node.role == .target })
        }
    }

    /// Contract §10.7.
    private func mountpaths(_ exchange: Exchange, _ map: ClusterMap) async {
        let answers = await fanOut.ask(map.nodes(.target), "mountpaths", on: exchange.loop)
        respond(exchange, answers) { json in
            json.key("targets")
            json.value(answers.documents)
        }
    }

    /// The help, with mountpaths of the target that it is about, when that one answers.
    func help(
        for elements: [String], _ map: ClusterMap, on loop: EventLoop
    ) async -> HelpPage {
        guard HelpPage.namesMountpath(elements), let target = HelpPage.target(of: map, for: node)
        else { return HelpPage(map: map, node: node) }
        let answers = await fanOut.ask([target], "mountpaths", on: loop)
        guard let body = answers.documents.first?.body,
            case .object(let document)? = try? JSONValue(parsing: body)
        else { return HelpPage(map: map, node: node) }
        func first(_ key: String) -> String? {
            guard case .array(let paths)? = document[key] else { return nil }
            return paths.first?.string
        }
        return HelpPage(
            map: map, node: node, mountpath: first("available"), disabled: first("disabled"))
    }

    // MARK: Jobs

    /// Contract §11.5. The reply has targets' ids for keys and room for nothing else, so a target that did not answer is
    /// `null` there.
    func xactionStatistics(
        _ exchange: Exchange, _ state: ClusterState, _ body: [UInt8]
    ) async throws {
        let query = try XactionQuery(decoding: body)
        if query.namesNone(of: state) { throw query.notFound }
        let answers = await fanOut.ask(
            state.map.nodes(.target), "qryxstats", body: body, on: exchange.loop)
        respond(exchange, answers, naming: false) { json in
            for (node, body) in answers.documents {
                json.key(node.id.text)
                json.raw(body)
            }
            for (node, _) in answers.unanswered {
                json.key(node.id.text)
                json.null()
            }
        }
    }

    /// Contract §11.4: the state of one job, of several of a kind the newest; or of all, or the names of those that run. There
    /// are none but rebalances, and the error of one says that it was not run.
    private func xactionStates(
        _ exchange: Exchange, _ question: ClusterQuestion, _ state: ClusterState
    ) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let query = try XactionQuery(decoding: body)
        switch question {
        case .xactionStatuses:
            if query.namesNone(of: state) { throw query.notFound }
            exchange.respond(
                .ok, type: "application/json",
                body: query.statuses(of: state, problem: Rebalance.notice))
        case .runningXactions:
            exchange.respond(.ok, type: "application/json", body: try query.running(in: state))
        default:
            guard !query.id.isEmpty || query.kind != nil else {
                throw Failure(
                    .badValue, "the question names neither a job's id nor a kind",
                    next: #"{"id":"…"} or {"kind":"rebalance"}"#)
            }
            guard let status = query.status(of: state, problem: Rebalance.notice) else {
                throw query.notFound
            }
            exchange.respond(.ok, type: "text/plain; charset=utf-8", body: status)
        }
    }

    // MARK: Replies

    private func respond(
        _ exchange: Exchange, _ answers: FanOut.Answers, naming: Bool = true,
        _ members: (inout JSONWriter) -> Void
    ) {
        var json = JSONWriter()
        json.object { json in
            members(&json)
            if naming { json.unanswered(answers.unanswered) }
        }
        json.newline()
        let missing = answers.unanswered.map(\.node.id.text).joined(separator: ", ")
        exchange.respond(.ok, type: "application/json", body: json.bytes) { writer in
            if !missing.isEmpty { writer.add(named: HeaderName.unanswered, missing) }
        }
    }
}
