import API
import Base
import Cluster
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// Options of a target: set through it, or in the log, and in effect without a restart.
@Suite struct ConfigRouteTests {
    private static func set(_ target: TestTarget, _ settings: [(name: String, value: String)])
        async throws
    {
        let plan = try ConfigPlan(setting: settings, in: .cluster, of: target.proxy.state.config)
        target.proxy.submit(.setConfig(plan.change))
        try await target.proxy.acknowledged(by: "t1")
    }

    @Test func `a target takes what is kept to a proxy, and acts on it when it answers`()
        async throws
    {
        try await TestTarget.with { target in
            let threshold = target.daemon.context.log.threshold
            for body in [
                #"{"action":"setconfig","name":"loglevel","value":"1"}"#,
                #"{"action":"set-config","value":{"log":{"level":1}}}"#,
            ] {
                let reply = try await target.ask(
                    .put, "/v1/daemon", at: nil, body: Array(body.utf8))
                #expect(reply.status == .ok && reply.body.isEmpty, "\(reply.text)")
            }
            let query = try await target.ask(
                .put, "/v1/daemon/setconfig?stats_time=33s&log.loglevel=4", at: nil)
            #expect(query.status == .ok, "\(query.text)")
            #expect(threshold.minimum == .debug)
            let t1 = try #require(NodeID("t1"))
            let kept = target.proxy.state.config
            #expect(kept.values(of: t1)["periodic.stats_time"] == "33s")
            #expect(kept.settings.isEmpty)
            let document = try await target.ask(.get, "/v1/daemon?what=config", at: nil)
            #expect(document.text.contains(#""stats_time":"33s""#), "\(document.text)")
            #expect(document.text.contains(#""periodic.stats_time":"node""#))
            let reset = try await target.ask(.put, "/v1/daemon/reset-config", at: nil)
            #expect(reset.status == .ok, "\(reset.text)")
            #expect(threshold.minimum != .debug)
            #expect(target.proxy.state.config.nodes.isEmpty)
        }
    }

    @Test func `headers that a target cannot heed are refused, and nothing is done`() async throws {
        try await TestTarget.with { target in
            let set = "/v1/daemon/setconfig?stats_time=34s"
            let long = String(repeating: "x", count: 257)
            let shutdown = #"{"action":"shutdown"}"#
            // Only leaving the map is a change of the log.
            let end = #"{"action":"shutdown","value":{"unregister":false}}"#
            let rows: [(HTTP.Method, String, (String, String), String)] = [
                (.put, set, ("If-Match", #""config-3""#), ""),
                (.put, set, ("Martlet-Session", "1-0-1-1"), ""),
                (.put, set, ("Martlet-Sequence", "1"), ""),
                (.put, set, ("Martlet-Request-Id", long), ""),
                (.put, set, ("Martlet-Term", "nonsense"), ""),
                (.put, "\(set)&transient=true", ("Martlet-Term", "1-0-1-1"), ""),
                (.put, "/v1/daemon", ("Martlet-Term", "1-0-1-1"), end),
                (.put, "/v1/daemon", ("If-Match", #""smap-1""#), shutdown),
                (.post, "/v1/daemon", ("Martlet-Term", "1-0-1-1"), ""),
                (.put, "/v1/objects/b/o", ("If-None-Match", "*"), "x"),
                (.put, "/v1/objects/b/o", ("If-Match", #""1""#), "x"),
                (.delete, "/v1/objects/b/o", ("If-Unmodified-Since", "now"), ""),
            ]
            let before = target.proxy.state.position
            for (method, path, header, body) in rows {
                let at: TestTarget.At? = path.hasPrefix("/v1/objects") ? .now : nil
                let reply = try await target.ask(
                    method, path, at: at, headers: [header], body: Array(body.utf8))
                #expect(reply.failure?.code == .badHeader, "\(path) \(header): \(reply.text)")
                #expect(reply.failure?.next != nil)
            }
            #expect(target.proxy.state.position == before)
            #expect(try await target.get("o").failure?.code == .objectNotFound)
            #expect(
                try await !target.ask(.get, "/v1/daemon?what=config", at: nil).text.contains("34s"))
        }
    }

    /// A copy of a change that lay on a link, or in a socket, while something else was said.
    @Test func `a transient value that rests on other settings is refused, and nothing is done`()
        async throws
    {
        try await TestTarget.with { target in
            let set = "/v1/daemon/setconfig?stats_time=34s&transient=true"
            let asked = try await target.ask(.put, "\(set)&dry_run=true", at: nil)
            let edition = try #require(asked.headers[named: HeaderName.settingsEdition])
            let bound = [(HeaderName.settingsEdition, edition)]
            #expect(
                try await target.ask(
                    .put, "/v1/daemon/setconfig?loglevel=4&transient=true", at: nil
                ).status == .ok)
            let late = try await target.ask(.put, set, at: nil, headers: bound)
            #expect(late.failure?.code == .configChanged, "\(late.text)")
            #expect(
                try await !target.ask(.get, "/v1/daemon?what=config", at: nil).text.contains("34s"))
            let again = try await target.ask(.put, "\(set)&dry_run=true", at: nil)
            let now = try #require(again.headers[named: HeaderName.settingsEdition])
            let made = try await target.ask(
                .put, set, at: nil, headers: [(HeaderName.settingsEdition, now)])
            #expect(made.status == .ok, "\(made.text)")
            #expect(
                try await target.ask(.get, "/v1/daemon?what=config", at: nil).text.contains("34s"))
        }
    }

    @Test func `a transient value stays at the target, and gives way to the log's next word`()
        async throws
    {
        try await TestTarget.with { target in
            let threshold = target.daemon.context.log.threshold
            let before = target.proxy.state.position
            let reply = try await target.ask(
                .put, "/v1/daemon/setconfig?loglevel=0&transient=true", at: nil)
            #expect(reply.status == .ok, "\(reply.text)")
            #expect(threshold.minimum == .error)
            #expect(target.proxy.state.position == before)
            try await Self.set(target, [("log.level", "4")])
            #expect(threshold.minimum == .debug)
        }
    }

    @Test(arguments: [
        ("/v1/daemon/setconfig", "", FailureCode.badQuery),
        ("/v1/daemon/setconfig?nonsense=1", "", .unknownOption),
        ("/v1/daemon/setconfig?loglevel=2&stats_time=ten", "", .badValue),
        ("/v1/daemon/setconfig?fspaths=/tmp", "", .optionRefused),
        ("/v1/daemon/setconfig?checksum.type=none", "", .optionRefused),
        ("/v1/daemon/setconfig?loglevel=1&node=t2", "", .badQuery),
        ("/v1/daemon/setconfig?list_timeout=9s&transient=true", "", .optionRefused),
        ("/v1/daemon", "{", .badJSON),
        ("/v1/daemon", #"{"action":"setconfig","name":"loglevel"}"#, .badValue),
        ("/v1/cluster/setconfig?loglevel=1", "", .unknownResource),
    ])
    func `what a target cannot set is refused with a code`(
        _ path: String, _ body: String, _ code: FailureCode
    ) async throws {
        try await TestTarget.with { target in
            let before = target.proxy.state.config
            let reply = try await target.ask(.put, path, at: nil, body: Array(body.utf8))
            #expect(reply.status == .badRequest, "\(reply.text)")
            #expect(reply.failure?.code == code, "\(reply.text)")
            #expect(target.proxy.state.config == before)
        }
    }

    @Test func `without a proxy a target says so, and still takes what is transient`() async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let target = try TestTarget(proxy, disks)
        try await target.ready()
        await proxy.stop()
        let kept = try await target.ask(.put, "/v1/daemon/setconfig?loglevel=1", at: nil)
        #expect(kept.failure?.code == .primaryUnreachable, "\(kept.text)")
        let now = try await target.ask(
            .put, "/v1/daemon/setconfig?loglevel=1&transient=true", at: nil)
        #expect(now.status == .ok, "\(now.text)")
        #expect(target.daemon.context.log.threshold.minimum == .warning)
        await target.end()
    }

    @Test func `clients read at a target directly when the cluster lets them`() async throws {
        try await TestTarget.with { target in
            #expect(try await target.put("o", "text") == .ok)
            let refused = try await target.ask(.get, "/v1/objects/b/o", at: nil)
            #expect(refused.failure?.code == .notRedirected)
            try await Self.set(target, [("client.features", "1")])
            #expect(try await target.ask(.get, "/v1/objects/b/o", at: nil).text == "text")
            #expect(try await target.ask(.head, "/v1/objects/b/o", at: nil).status == .ok)
            let write = try await target.ask(.put, "/v1/objects/b/o", at: nil, body: [1])
            #expect(write.failure?.code == .notRedirected)
            try await Self.set(target, [("client.features", "0")])
            let again = try await target.ask(.get, "/v1/objects/b/o", at: nil)
            #expect(again.failure?.code == .notRedirected)
        }
    }

    @Test func `a request waits for its state as long as the configuration says`() async throws {
        try await TestTarget.with { target in
            try await Self.set(target, [("cplane_operation", "100ms")])
            var later = target.proxy.state.position
            later.index += 1
            let begun = ContinuousClock.now
            let reply = try await target.ask(.get, "/v1/objects/b/o", at: .position(later))
            #expect(reply.failure?.code == .targetBehind, "\(reply.text)")
            #expect(ContinuousClock.now - begun < .milliseconds(1_900))
        }
    }

    @Test func `a target gives a silent proxy up after the time that is set`() async throws {
        try await TestTarget.with { target in
            let follows = target.proxy.log.withLock { $0.follows }
            try await Self.set(
                target,
                [
                    ("keepalivetracker.target.interval", "500ms"),
                    ("keepalivetracker.target.factor", "2"),
                ])
            // Once to ask anew with the new patience, and then because this proxy says nothing by itself.
            try await eventually("it asks again and again") {
                target.proxy.log.withLock { $0.follows } >= follows + 3
            }
        }
    }
}
