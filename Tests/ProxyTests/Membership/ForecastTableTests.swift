import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// `dry_run=true` of every change that a proxy takes: one shape, and the words of the change itself (decision 0032).
@Suite(.serialized) struct ForecastTableTests {
    private struct Row {
        let method: HTTP.Method
        let path: String
        let body: String
        let verdict: String
        /// Of what is blocked: the code that the change itself is refused with.
        let code: FailureCode?
        let headers: [(String, String)]

        init(
            _ method: HTTP.Method, _ path: String, _ body: String = "", _ verdict: String,
            _ code: FailureCode? = nil, headers: [(String, String)] = []
        ) {
            self.method = method
            self.path = path
            self.body = body
            self.verdict = verdict
            self.code = code
            self.headers = headers
        }

        func rehearsed(_ isRehearsed: Bool) -> String {
            guard isRehearsed else { return path }
            return path + (path.contains("?") ? "&" : "?") + "dry_run=true"
        }
    }

    /// `P` is the primary, `A` the proxy that is asked, `S` a session.
    private static let rows: [Row] = [
        Row(.put, "/v1/daemon", #"{"action":"shutdown"}"#, "unsafe"),
        Row(.put, "/v1/daemon", #"{"action":"shutdown","value":{"unregister":false}}"#, "unsafe"),
        Row(
            .put, "/v1/daemon", #"{"action":"setconfig","name":"stats_time","value":"33s"}"#,
            "safe"),
        Row(.put, "/v1/daemon", #"{"action":"resetconfig"}"#, "safe"),
        Row(.put, "/v1/daemon", #"{"action":"rotate-logs"}"#, "blocked", .badRequest),
        Row(.put, "/v1/daemon", #"{"action":"reset-stats"}"#, "safe"),
        Row(.put, "/v1/daemon/setconfig?stats_time=33s", "", "safe"),
        Row(.put, "/v1/daemon/setconfig?stats_time=33s&transient=true", "", "safe"),
        Row(.put, "/v1/daemon/setconfig?client_timeout=3s", "", "blocked", .badValue),
        Row(
            .put, "/v1/daemon/setconfig?client_timeout=3s&transient=true", "", "blocked",
            .badValue),
        Row(.put, "/v1/daemon/resetconfig?stats_time", "", "safe"),
        Row(.put, "/v1/daemon/proxy/A?frc=true", "", "blocked", .quorumReachable),
        Row(.put, "/v1/daemon/proxy/P?frc=true", "", "safe"),
        Row(.put, "/v1/cluster/setconfig?stats_time=33s", "", "safe"),
        Row(.put, "/v1/cluster/setconfig?write_policy=delayed", "", "unsafe"),
        Row(.put, "/v1/cluster/setconfig?client_timeout=3s", "", "blocked", .badValue),
        Row(
            .put, "/v1/cluster/setconfig?stats_time=33s", "", "blocked", .preconditionFailed,
            headers: [("If-Match", "\"config-99\"")]),
        Row(
            .put, "/v1/cluster/setconfig?client_timeout=3s", "", "blocked", .preconditionFailed,
            headers: [("If-Match", "\"config-99\"")]),
        Row(.put, "/v1/cluster/setconfig?stats_time=33s&transient=true", "", "safe"),
        Row(.put, "/v1/cluster/resetconfig", "", "safe"),
        Row(
            .put, "/v1/cluster", #"{"action":"setconfig","name":"stats_time","value":"33s"}"#,
            "safe"),
        Row(.put, "/v1/cluster", #"{"action":"resetconfig","name":"stats_time"}"#, "safe"),
        Row(.put, "/v1/cluster", #"{"action":"shutdown"}"#, "unsafe"),
        Row(.put, "/v1/cluster", #"{"action":"shutdown-node","value":{"sid":"A"}}"#, "unsafe"),
        // The targets of this test say that they do; what runs in this process has no log file.
        Row(.put, "/v1/cluster", #"{"action":"rotate-logs"}"#, "unsafe"),
        Row(.put, "/v1/cluster", #"{"action":"reset-stats"}"#, "safe"),
        Row(.put, "/v1/cluster", #"{"action":"start","value":{"kind":"rebalance"}}"#, "safe"),
        Row(.put, "/v1/cluster", #"{"action":"stop","value":{"kind":"rebalance"}}"#, "safe"),
        Row(
            .put, "/v1/cluster", #"{"action":"startmaintenance","value":{"sid":"t1"}}"#,
            "blocked", .objectsAtRisk),
        Row(
            .put, "/v1/cluster",
            #"{"action":"startmaintenance","value":{"sid":"t1","skip_rebalance":true}}"#,
            "unsafe"),
        Row(
            .put, "/v1/cluster", #"{"action":"startmaintenance","value":{"sid":"P"}}"#,
            "blocked", .isPrimary),
        Row(
            .put, "/v1/cluster", #"{"action":"stopmaintenance","value":{"sid":"A"}}"#,
            "blocked", .badNode),
        Row(
            .put, "/v1/cluster", #"{"action":"decommission","value":{"sid":"t1"}}"#,
            "blocked", .objectsAtRisk),
        Row(
            .put, "/v1/cluster", #"{"action":"decommission","value":{"sids":["A","P"]}}"#,
            "blocked", .isPrimary),
        Row(
            .put, "/v1/cluster",
            #"{"action":"batch","value":[{"action":"createlb","name":"new"}]}"#, "safe"),
        Row(
            .put, "/v1/cluster",
            #"{"action":"batch","value":[{"action":"createlb","name":"there"}]}"#,
            "blocked", .bucketExists),
        // Versions are looked at before what else stands in the way.
        Row(
            .put, "/v1/cluster", #"{"action":"startmaintenance","value":{"sid":"t1"}}"#,
            "blocked", .preconditionFailed, headers: [("If-Match", "\"smap-99\"")]),
        Row(
            .delete, "/v1/cluster/daemon/P", "", "blocked", .preconditionFailed,
            headers: [("If-Match", "\"smap-99\"")]),
        Row(
            .post, "/v1/buckets/there", #"{"action":"createlb"}"#, "blocked",
            .preconditionFailed, headers: [("If-Match", "\"bmd-99\"")]),
        Row(.put, "/v1/cluster/proxy/A", "", "safe"),
        Row(.put, "/v1/cluster/proxy/A?frc=true", "", "blocked", .quorumReachable),
        Row(.delete, "/v1/cluster/daemon/A", "", "unsafe"),
        Row(.delete, "/v1/cluster/daemon/t1", "", "unsafe"),
        Row(.delete, "/v1/cluster/daemon/P", "", "blocked", .isPrimary),
        Row(
            .post, "/v1/cluster/register",
            #"{"daemon_type":"target","daemon_id":"t9","node_ip_addr":"127.0.0.1","#
                + #""daemon_port":"1"}"#,
            "blocked", .addressUnreachable),
        Row(.post, "/v1/cluster/register", "T", "safe"),
        Row(.post, "/v1/cluster/autoreg", "T", "safe"),
        Row(
            .post, "/v1/cluster/autoreg",
            #"{"daemon_type":"target","daemon_id":"t9","node_ip_addr":"127.0.0.1","#
                + #""daemon_port":"1","uuid":"other"}"#,
            "blocked", .wrongCluster),
        Row(.post, "/v1/cluster/sessions", "", "safe"),
        Row(.put, "/v1/cluster/sessions/S", "", "safe"),
        Row(.delete, "/v1/cluster/sessions/S", "", "safe"),
        Row(.delete, "/v1/cluster/sessions/1-a-1-1", "", "safe"),
        Row(.post, "/v1/buckets/new", #"{"action":"createlb"}"#, "safe"),
        Row(.post, "/v1/buckets/there", #"{"action":"createlb"}"#, "blocked", .bucketExists),
        Row(.delete, "/v1/buckets/there", #"{"action":"destroylb"}"#, "unsafe"),
    ]

    /// Malformed, or about what there is not: refused as the change is.
    private static let refused: [Row] = [
        Row(.put, "/v1/cluster/setconfig?stats_time=soon", "", "400", .badValue),
        Row(.put, "/v1/cluster/setconfig?no_such=1", "", "400", .unknownOption),
        Row(.put, "/v1/daemon/setconfig?no_such=1", "", "400", .unknownOption),
        Row(.put, "/v1/daemon/setconfig?no_such=1&transient=true", "", "400", .unknownOption),
        Row(.put, "/v1/cluster/setconfig?stats_time=1s&node=t8", "", "404", .nodeNotFound),
        Row(.put, "/v1/cluster/proxy/t1", "", "400", .badNode),
        Row(.put, "/v1/cluster/proxy/t8", "", "400", .badNode),
        Row(.put, "/v1/daemon/proxy/t8?frc=true", "", "404", .nodeNotFound),
        Row(.put, "/v1/daemon/proxy/t1?frc=true", "", "400", .badNode),
        Row(.delete, "/v1/cluster/daemon/t8", "", "404", .nodeNotFound),
        Row(
            .put, "/v1/cluster", #"{"action":"decommission","value":{"sid":"t8"}}"#, "404",
            .nodeNotFound),
        Row(
            .put, "/v1/cluster", #"{"action":"shutdown-node","value":{"sid":"t8"}}"#, "404",
            .nodeNotFound),
        Row(
            .put, "/v1/cluster",
            #"{"action":"batch","value":[{"action":"destroylb","name":"none"}]}"#, "404",
            .bucketNotFound),
        Row(.delete, "/v1/buckets/none", #"{"action":"destroylb"}"#, "404", .bucketNotFound),
        Row(.post, "/v1/buckets/new", #"{"action":"createlb","value":{"x":1}}"#, "400", .badValue),
        Row(.put, "/v1/cluster/sessions/1-a-1-1", "", "410", .sessionExpired),
    ]

    private struct Cast {
        let primary: Int
        let asked: Int
        let target: StubTarget
        let session: String

        func cast(_ text: String) -> String {
            if text == "T" { return target.joinRequest }
            var text = text
            for (name, id) in [("P", "p\(primary)"), ("A", "p\(asked)"), ("S", session)] {
                text = text.replacingOccurrences(of: "\"\(name)\"", with: "\"\(id)\"")
                text = text.replacingOccurrences(of: "/\(name)?", with: "/\(id)?")
                if text.hasSuffix("/\(name)") { text = text.dropLast(name.count) + id }
            }
            return text
        }
    }

    @Test func `every change says in one shape what it would do, in words of the change itself`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            #expect(try await proxies.create("there", through: 1).status == 200)
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let opened = try await proxies.ask(1, .post, "/v1/cluster/sessions?lifetime=10m")
            guard case .object(let session) = try JSONValue(parsing: opened.body) else { return }
            let cast = Cast(
                primary: primary, asked: primary % 3 + 1, target: targets[0],
                session: try #require(session["id"]?.string))
            let before = try await Self.documents(proxies)
            for row in Self.rows { try await Self.check(row, cast, proxies) }
            for row in Self.refused {
                for isRehearsed in [true, false] {
                    let reply = try await proxies.ask(
                        cast.asked, row.method, cast.cast(row.rehearsed(isRehearsed)), row.body)
                    #expect(
                        String(reply.status) == row.verdict && reply.failure?.code == row.code,
                        "\(row.path) \(row.body): \(reply.text)")
                }
            }
            #expect(try await Self.documents(proxies) == before)
            for target in targets { await target.stop() }
        }
    }

    private static func check(_ row: Row, _ cast: Cast, _ proxies: TestProxies) async throws {
        let name = "\(row.method.name) \(row.path) \(row.body)"
        let reply = try await proxies.ask(
            cast.asked, row.method, cast.cast(row.rehearsed(true)), cast.cast(row.body),
            headers: row.headers)
        guard reply.status == 200, case .object(let json) = try JSONValue(parsing: reply.body),
            case .array(let changes)? = json["changes"],
            case .array(let survives)? = json["survives"]
        else {
            Issue.record("\(name): \(reply.text)")
            return
        }
        #expect(json["dry_run"] == .bool(true) && json["action"]?.string?.isEmpty == false)
        #expect(json["verdict"]?.string == row.verdict, "\(name): \(reply.text)")
        // What does not come to the primary says nothing of the voters, whom only that one hears.
        let isLocal =
            ["transient", "/v1/daemon/proxy/P?"].contains { row.path.contains($0) }
            || ["rotate-logs", "reset-stats"].contains { row.body.contains($0) }
        #expect(survives.count >= (isLocal ? 1 : 2), "\(name): \(reply.text)")
        #expect((json["voters"] == nil) == isLocal, "\(name): \(reply.text)")
        #expect(json["active_targets"] != nil, "\(name): \(reply.text)")
        #expect((json["reason"]?.string?.isEmpty == true) == (row.verdict == "safe"), "\(name)")
        guard row.verdict == "blocked" else {
            #expect(!changes.isEmpty && json["code"] == nil, "\(name): \(reply.text)")
            return
        }
        #expect(json["code"]?.string == row.code?.rawValue, "\(name): \(reply.text)")
        #expect(json["next"]?.string?.isEmpty == false, "\(name): \(reply.text)")
        let change = try await proxies.ask(
            cast.asked, row.method, cast.cast(row.path), cast.cast(row.body), headers: row.headers)
        let failure = try #require(change.failure, "\(name): \(change.text)")
        #expect(failure.code == row.code, "\(name): \(change.text)")
        #expect(json["reason"]?.string?.contains(failure.message) == true, "\(reply.text)")
        if let next = failure.next, failure.code != .quorumReachable {
            #expect(json["next"]?.string == next, "\(name): \(reply.text) \(change.text)")
        }
    }

    private static func documents(_ proxies: TestProxies) async throws -> [String] {
        var texts: [String] = []
        for what in ["smap", "bmd", "cluster_config", "rmd"] {
            texts.append(try await proxies.ask(1, .get, "/v1/daemon?what=\(what)").text)
        }
        return texts
    }

    @Test func `the table has every change that can be rehearsed at a proxy`() throws {
        var covered: Set<String> = []
        for row in Self.rows {
            let resource = try Resource(path: RequestTarget(row.path).path)
            let route = try Route.match(row.method, resource, at: .proxy).route
            var key = "\(route.name) \(row.method.name)"
            if !route.acts.isEmpty {
                key = "\(route.name) \(try Self.action(row.body, route).rawValue)"
            }
            covered.insert(key)
        }
        for route in Route.all
        // What is passed on to a node is rehearsed there, in the words of that node.
        where route.roles.contains(.proxy) && route.name != .relayedChange
            && route.parameters.contains(where: { $0.name == QueryName.dryRun })
        {
            let acts = route.acts.filter {
                $0.isServed && ![.listObjects, .forgetListing].contains($0.action)
            }
            let keys =
                route.acts.isEmpty
                ? route.methods.map { "\(route.name) \($0.name)" }
                : acts.map { "\(route.name) \($0.action.rawValue)" }
            for key in keys { #expect(covered.contains(key), "\(key)") }
        }
    }

    private static func action(_ body: String, _ route: Route) throws -> Action {
        try ActionMessage(decoding: Array(body.utf8)).decoded(allowed: route.acts.map(\.action))
    }
}
