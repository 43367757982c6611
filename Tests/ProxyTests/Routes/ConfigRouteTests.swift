import API
import Base
import Cluster
import Foundation
import HTTP
import Testing

@testable import Proxy

/// Setting options through proxies: every form, every refusal, and what is there afterwards.
@Suite(.serialized) struct ConfigRouteTests {
    /// One value of a proxy's configuration document, by its dotted name, as text.
    static func value(_ name: String, of document: [UInt8]) throws -> String {
        var json = try JSONValue(parsing: document)
        for key in name.split(separator: ".") {
            guard case .object(let object) = json else { return "no section" }
            json = object[String(key)] ?? .null
        }
        switch json {
        case .string(let text), .number(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        default: return "?"
        }
    }

    private static func value(
        _ name: String, at number: Int, _ proxies: TestProxies
    ) async throws -> String {
        let reply = try await proxies.ask(number, .get, "/v1/daemon?what=config")
        #expect(reply.status == 200, "\(reply.text)")
        return try value(name, of: reply.body)
    }

    @Test func `the printed lines set options of a node and of the cluster`() async throws {
        try await TestProxies.with(2) { proxies in
            // A8, A9: through either proxy, in effect at both.
            for (number, body) in [
                (1, #"{"action": "setconfig","name": "stats_time", "value": "1s"}"#),
                (2, #"{"action":"setconfig","name":"periodic.stats_time","value":"2s"}"#),
                (2, #"{"action":"set-config","value":{"periodic":{"stats_time":"3s"}}}"#),
            ] {
                let reply = try await proxies.ask(number, .put, "/v1/cluster", body)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
            }
            for path in ["setconfig", "setconfig/", "set-config"] {
                let reply = try await proxies.ask(
                    2, .put, "/v1/cluster/\(path)?stats_time=33s&log.loglevel=4")
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
                #expect(reply.header(HeaderName.position) != nil)
            }
            for number in 1...2 {
                #expect(try await Self.value("periodic.stats_time", at: number, proxies) == "33s")
                #expect(try await Self.value("log.level", at: number, proxies) == "4")
            }
            // A6, A7: of the node alone, numbers and bools as they are.
            let node = try await proxies.ask(
                2, .put, "/v1/daemon", #"{"action":"setconfig","name":"loglevel","value":2}"#)
            #expect(node.status == 200 && node.body.isEmpty, "\(node.text)")
            let query = try await proxies.ask(
                2, .put, "/v1/daemon/setconfig?stats_time=44s&list_timeout=9s")
            #expect(query.status == 200, "\(query.text)")
            #expect(try await Self.value("log.level", at: 2, proxies) == "2")
            #expect(try await Self.value("log.level", at: 1, proxies) == "4")
            #expect(try await Self.value("client.list_timeout", at: 2, proxies) == "9s")
            // Kept: the log brings it back to a proxy that has lost its disk or was restarted.
            await proxies.stop(2)
            try await proxies.start(2)
            try await proxies.waitUntilReady(2)
            #expect(try await Self.value("periodic.stats_time", at: 2, proxies) == "44s")
            // Reset of the node shows the cluster's value again; of the cluster, the default.
            let reset = try await proxies.ask(2, .put, "/v1/daemon/reset-config?stats_time")
            #expect(reset.status == 200, "\(reset.text)")
            #expect(try await Self.value("periodic.stats_time", at: 2, proxies) == "33s")
            #expect(try await Self.value("log.level", at: 2, proxies) == "2")
            let all = try await proxies.ask(2, .put, "/v1/cluster", #"{"action":"reset-config"}"#)
            #expect(all.status == 200, "\(all.text)")
            for number in 1...2 {
                #expect(try await Self.value("periodic.stats_time", at: number, proxies) == "10s")
                #expect(try await Self.value("log.level", at: number, proxies) == "3")
            }
        }
    }

    @Test func `a transient value that rests on other settings is refused, and nothing is done`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let set = "/v1/daemon/setconfig?stats_time=34s&transient=true"
            let asked = try await proxies.ask(1, .put, "\(set)&dry_run=true")
            let edition = try #require(asked.header(HeaderName.settingsEdition))
            let reset = try await proxies.ask(
                1, .put, "/v1/daemon/reset-config?stats_time&transient=true")
            #expect(reset.status == 200, "\(reset.text)")
            let late = try await proxies.ask(
                1, .put, set, headers: [(HeaderName.settingsEdition, edition)])
            #expect(late.failure?.code == .configChanged, "\(late.text)")
            #expect(try await Self.value("periodic.stats_time", at: 1, proxies) == "10s")
            // Whoever asks all nodes asks again.
            let spread = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?stats_time=34s&transient=true")
            #expect(spread.status == 200, "\(spread.text)")
            #expect(try await Self.value("periodic.stats_time", at: 1, proxies) == "34s")
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let path: String
        var body = ""
        let code: FailureCode
        var testDescription: String { "\(path) \(body)" }
    }

    private static let refusals: [Row] = [
        Row(path: "setconfig", code: .badQuery),
        Row(path: "setconfig?", code: .badQuery),
        Row(path: "setconfig?transient=true", code: .badQuery),
        Row(path: "setconfig?stats_time", code: .badQuery),
        Row(path: "setconfig?stats_time=1s&transient=maybe", code: .badQuery),
        Row(path: "setconfig?stats_time=%zz", code: .badQuery),
        Row(path: "setconfig?nonsense=1", code: .unknownOption),
        Row(path: "setconfig?enabled=true", code: .unknownOption),
        Row(path: "setconfig?stats_time=10", code: .badValue),
        Row(path: "setconfig?stats_time=", code: .badValue),
        Row(path: "setconfig?loglevel=2&stats_time=ten", code: .badValue),
        Row(path: "setconfig?loglevel=2&log.level=2", code: .badQuery),
        Row(path: "setconfig?confdir=/tmp", code: .optionRefused),
        Row(path: "setconfig?downloader.timeout=2h", code: .optionRefused),
        Row(path: "setconfig?vmodule=ais/targ*=4", code: .optionRefused),
        Row(path: "setconfig?client_timeout=3s", code: .badValue),
        Row(path: "reset-config?stats_time=1s", code: .badQuery),
        Row(path: "reset-config?nonsense", code: .unknownOption),
        Row(path: "", code: .badJSON),
        Row(path: "", body: "[]", code: .badJSON),
        Row(path: "", body: #"{"action":"setconfig"}"#, code: .badValue),
        Row(path: "", body: #"{"action":"setconfig","name":"loglevel"}"#, code: .badValue),
        Row(path: "", body: #"{"action":"setconfig","value":"1"}"#, code: .badValue),
        Row(
            path: "", body: #"{"action":"setconfig","name":"loglevel","value":["1"]}"#,
            code: .badValue),
        Row(
            path: "", body: #"{"action":"setconfig","name":"log","value":{"level":1}}"#,
            code: .badValue),
        Row(path: "", body: #"{"action":"set-config","value":{}}"#, code: .badValue),
        Row(
            path: "", body: #"{"action":"set-config","value":{"log":{"lvl":1}}}"#,
            code: .unknownOption),
        Row(
            path: "?stats_time=1s",
            body: #"{"action":"setconfig","name":"loglevel","value":"1"}"#,
            code: .unknownParameter),
        Row(path: "", body: #"{"action":"setconf"}"#, code: .unknownAction),
    ]

    @Test(arguments: [
        ("Stats_Time", "'stats_time'"), ("periodic.stat_time", "'periodic.stats_time'"),
        ("dryrun", "'dry_run'"), ("log.levl", "'log.level'"), ("nonsense", "what=config"),
    ])
    func `an option that is misspelt is told the one that may be meant`(
        _ name: String, _ hint: String
    ) {
        let failure = Failure(ConfigMistake.unknown(name))
        #expect(failure.next?.contains(hint) == true, "\(failure.next ?? "nothing")")
    }

    @Test func `what cannot be set is refused with a code, and nothing is changed`() async throws {
        try await TestProxies.with(1) { proxies in
            let before = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            let own = try await proxies.ask(1, .get, "/v1/daemon?what=config")
            for resource in ["cluster", "daemon"] {
                for row in Self.refusals {
                    let isMessage = row.path.isEmpty || row.path.hasPrefix("?")
                    let path = isMessage ? row.path : "/\(row.path)"
                    let reply = try await proxies.ask(1, .put, "/v1/\(resource)\(path)", row.body)
                    #expect(reply.status == 400, "\(resource) \(row): \(reply.text)")
                    #expect(reply.failure?.code == row.code, "\(resource) \(row): \(reply.text)")
                }
            }
            let others = [
                ("/v1/cluster/setconfig?loglevel=1&node=t9", 404, FailureCode.nodeNotFound),
                ("/v1/cluster/setconfig?loglevel=1&node=/", 400, .badNode),
                ("/v1/daemon/setconfig?loglevel=1&node=t9", 400, .badQuery),
                ("/v1/daemon/setconfig?checksum.type=none", 400, .optionRefused),
                ("/v1/daemon/setconfig?features=1", 400, .optionRefused),
                ("/v1/daemon/setconfig?fshc.enabled=false&transient=true", 400, .optionRefused),
                ("/v1/cluster/setconfig?fshc.enabled=false&node=p1", 400, .optionRefused),
                (
                    "/v1/cluster/setconfig?fshc.enabled=false&node=p1&transient=true", 400,
                    .optionRefused
                ),
                ("/v1/daemon/setconfig?keepalivetracker.target.factor=6", 400, .optionRefused),
            ]
            for (path, status, code) in others {
                let reply = try await proxies.ask(1, .put, path)
                #expect(reply.status == status && reply.failure?.code == code, "\(reply.text)")
            }
            let after = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            #expect(after.text == before.text)
            #expect(try await proxies.ask(1, .get, "/v1/daemon?what=config").text == own.text)
        }
    }

    @Test func `a dry run says what would change, and changes nothing`() async throws {
        try await TestProxies.with(2) { proxies in
            let before = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            let set = try await proxies.ask(
                2, .put, "/v1/cluster/setconfig?stats_time=33s&dry_run=true")
            #expect(set.status == 200, "\(set.text)")
            #expect(set.text.contains(#""verdict":"safe""#), "\(set.text)")
            #expect(
                set.text.contains(
                    #"{"name":"periodic.stats_time","before":"10s","after":"33s"}"#), "\(set.text)")
            let delayed = try await proxies.ask(
                1, .put, "/v1/cluster?dry_run=true",
                #"{"action":"setconfig","name":"write_policy","value":"delayed"}"#)
            #expect(delayed.text.contains(#""verdict":"unsafe""#), "\(delayed.text)")
            for path in ["cluster", "daemon"] {
                let blocked = try await proxies.ask(
                    1, .put, "/v1/\(path)/setconfig?client_timeout=3s&dry_run=true")
                #expect(blocked.status == 200, "\(blocked.text)")
                #expect(blocked.text.contains(#""verdict":"blocked""#), "\(blocked.text)")
                #expect(blocked.text.contains(#""code":"bad_value""#), "\(blocked.text)")
                let transient = try await proxies.ask(
                    1, .put, "/v1/\(path)/setconfig?stats_time=7s&dry_run=true&transient=true")
                #expect(transient.text.contains(#""after":"7s""#), "\(transient.text)")
            }
            let after = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            #expect(after.text == before.text)
            #expect(try await Self.value("periodic.stats_time", at: 1, proxies) == "10s")
        }
    }

    /// All were asked first; one that is lost then may have taken it, and the others have.
    @Test func `settings for this run that a node may have taken are told as unknown`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            let reply = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?list_timeout=9s&transient=true",
                headers: [(HeaderName.requestID, "spread-1")])
            #expect(reply.failure?.code == .outcomeUnknown, "\(reply.text)")
            #expect(reply.failure?.requestID == "spread-1" && reply.text.contains("t1 of 2 nodes"))
            await target.stop()
        }
    }

    @Test func `a transient value lasts for the run, at one node or at all`() async throws {
        try await TestProxies.with(2) { proxies in
            let one = try await proxies.ask(
                2, .put, "/v1/daemon/setconfig?stats_time=7s&transient=true")
            #expect(one.status == 200, "\(one.text)")
            #expect(try await Self.value("periodic.stats_time", at: 2, proxies) == "7s")
            #expect(try await Self.value("periodic.stats_time", at: 1, proxies) == "10s")
            let all = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?list_timeout=9s&transient=true")
            #expect(all.status == 200, "\(all.text)")
            for number in 1...2 {
                #expect(try await Self.value("client.list_timeout", at: number, proxies) == "9s")
            }
            let bad = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?client_timeout=1s&transient=true")
            #expect(bad.status == 400 && bad.failure?.code == .badValue, "\(bad.text)")
            await proxies.stop(2)
            let gone = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?list_timeout=8s&transient=true")
            #expect(gone.failure?.code == .targetUnreachable, "\(gone.text)")
            #expect(gone.failure?.message.contains("p2") == true)
            try await proxies.start(2)
            try await proxies.waitUntilReady(2)
            #expect(try await Self.value("periodic.stats_time", at: 2, proxies) == "10s")
            #expect(try await Self.value("client.list_timeout", at: 1, proxies) == "9s")
            let reset = try await proxies.ask(1, .put, "/v1/cluster/reset-config?transient=true")
            #expect(reset.status == 200, "\(reset.text)")
            #expect(try await Self.value("client.list_timeout", at: 1, proxies) == "3m")
        }
    }

    /// Nobody puts those who ask in an order, and each is told that all nodes have done it.
    @Test func `of settings for this run that are made at once, the same ones last at every node`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            for round in 1...12 {
                let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                    for number in 1...3 {
                        let value = "\(10 * round + number)s"
                        tasks.addTask {
                            try await proxies.ask(
                                number, .put,
                                "/v1/cluster/setconfig?stats_time=\(value)&transient=true"
                            ).status
                        }
                    }
                    return try await tasks.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses == [200, 200, 200])
                var values: Set<String> = []
                for number in 1...3 {
                    values.insert(try await Self.value("periodic.stats_time", at: number, proxies))
                }
                #expect(values.count == 1, "round \(round): \(values)")
            }
        }
    }

    @Test func `a dry run lists the options that get another value, and no others`() async throws {
        try await TestProxies.with(1) { proxies in
            let own = try await proxies.ask(1, .put, "/v1/daemon/setconfig?stats_time=7s")
            #expect(own.status == 200, "\(own.text)")
            let dry = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?stats_time=7s&dry_run=true")
            guard case .object(let document) = try JSONValue(parsing: dry.body),
                case .array(let options)? = document["options"]
            else { return #expect(Bool(false), "\(dry.text)") }
            #expect(options.count == 1, "\(dry.text)")
            #expect(dry.text.contains("stats_time is '7s' in place of '10s'"), "\(dry.text)")
            #expect(dry.text.contains("stats_time of p1 stays '7s'"), "\(dry.text)")
        }
    }

    @Test func `two who change different options at once both succeed`() async throws {
        try await TestProxies.with(2) { proxies in
            let names = ["stats_time", "list_timeout", "client_timeout", "dont_run_time"]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for (place, name) in names.enumerated() {
                    tasks.addTask {
                        try await proxies.ask(
                            place % 2 + 1, .put, "/v1/cluster/setconfig?\(name)=77s"
                        ).status
                    }
                }
                return try await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses == [200, 200, 200, 200])
            let document = try await proxies.ask(2, .get, "/v1/cluster?what=config")
            #expect(document.text.components(separatedBy: #":"77s""#).count - 1 == 8)
        }
    }

    @Test func `new buckets start with what the configuration says`() async throws {
        try await TestProxies.with(1) { proxies in
            let set = try await proxies.ask(
                1, .put, "/v1/cluster/setconfig?write_policy=delayed&versioning.enabled=false")
            #expect(set.status == 200, "\(set.text)")
            #expect(try await proxies.create("late", through: 1).status == 200)
            let head = try await proxies.ask(1, .head, "/v1/buckets/late")
            #expect(head.header("write_policy") == "delayed")
            #expect(head.header("versioning.enabled") == "false")
        }
    }

    @Test func `setting what is set is no entry, and says so`() async throws {
        try await TestProxies.with(2) { proxies in
            let path = "/v1/cluster/setconfig?stats_time=33s"
            #expect(try await proxies.ask(2, .put, path).header(HeaderName.notice) == nil)
            let before = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            for (number, path) in [
                (1, path), (2, path), (2, "/v1/daemon/setconfig?stats_time=33s"),
                (1, "/v1/cluster/setconfig?lru.highwm=90&stats_time=33s"),
                (1, "/v1/cluster/setconfig?lru.highwm=90"),
                (2, "/v1/cluster/reset-config?list_timeout"),
            ] {
                let reply = try await proxies.ask(number, .put, path)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
                #expect(reply.header(HeaderName.notice)?.contains("nothing was changed") == true)
                #expect(reply.header(HeaderName.position) != nil)
            }
            let after = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config")
            #expect(after.text == before.text)
            let version = [("If-Match", #""config-1""#)]
            let stale = try await proxies.ask(2, .put, path, headers: version)
            #expect(stale.failure?.code == .preconditionFailed, "\(stale.text)")
            // A dry run names no change; and what was for one run gives way where it is asked.
            let rehearsal = try await proxies.ask(1, .put, "\(path)&dry_run=true")
            #expect(rehearsal.text.contains(#""changes":["nothing: "#), "\(rehearsal.text)")
            _ = try await proxies.ask(2, .put, "/v1/daemon/setconfig?stats_time=7s&transient=true")
            _ = try await proxies.ask(2, .put, "/v1/daemon/setconfig?stats_time=33s")
            #expect(try await Self.value("periodic.stats_time", at: 2, proxies) == "33s")
        }
    }

    @Test
    func `a node is not given a value that only others act on, and all are given it together`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            let own = try await proxies.ask(1, .put, "/v1/daemon/setconfig?features=1&dry_run=true")
            #expect(own.failure?.code == .optionRefused, "\(own.text)")
            #expect(own.text.contains("a proxy does not act on it; targets do"), "\(own.text)")
            let transient = try await proxies.ask(
                1, .put, "/v1/daemon/setconfig?features=1&transient=true&dry_run=true")
            #expect(transient.failure?.code == .optionRefused, "\(transient.text)")
            // As it is, it may be named.
            let same = try await proxies.ask(1, .put, "/v1/daemon/setconfig?features=0")
            #expect(same.status == 200 && same.header(HeaderName.notice) != nil, "\(same.text)")
            for query in ["", "&transient=true"] {
                let all = try await proxies.ask(
                    1, .put, "/v1/cluster/setconfig?features=1\(query)")
                #expect(all.status == 200, "\(all.text)")
                #expect(try await Self.value("client.features", at: 1, proxies) == "1")
            }
        }
    }

    @Test func `what a document shows can be sent back, and changes nothing`() async throws {
        try await TestProxies.with(2) { proxies in
            let set = "/v1/cluster/setconfig?stats_time=33s&write_policy=delayed&loglevel=3"
            #expect(try await proxies.ask(1, .put, set).status == 200)
            for (resource, what) in [
                ("daemon", "config"), ("cluster", "cluster_config"), ("cluster", "config"),
            ] {
                let path = what == "config" ? "daemon" : "cluster"
                let document = try await proxies.ask(2, .get, "/v1/\(path)?what=\(what)").text
                for query in ["", "?dry_run=true", "?transient=true"] {
                    let reply = try await proxies.ask(
                        2, .put, "/v1/\(resource)\(query)",
                        #"{"action":"set-config","value":\#(document)}"#)
                    #expect(reply.status == 200, "\(resource) \(what) \(query): \(reply.text)")
                }
                let after = try await proxies.ask(2, .get, "/v1/\(path)?what=\(what)").text
                #expect(what == "config" || after == document)
            }
            let changed = try await proxies.ask(1, .get, "/v1/cluster?what=cluster_config").text
            #expect(changed.contains(#""version":"2""#), "\(changed)")
            #expect(changed.contains(#""lru.highwm":"this build evicts nothing"#))
        }
    }

    @Test func `a hint about what is for one run leads to where it is taken`() async throws {
        try await TestProxies.with(1) { proxies in
            let option = "checksum.validate_warm_get=true"
            for resource in ["cluster", "daemon"] {
                let reply = try await proxies.ask(
                    1, .put, "/v1/\(resource)/setconfig?\(option)&transient=true")
                #expect(reply.failure?.code == .optionRefused, "\(reply.text)")
                #expect(reply.text.contains("PUT /v1/cluster, without transient"))
            }
            let kept = try await proxies.ask(1, .put, "/v1/cluster/setconfig?\(option)")
            #expect(kept.status == 200, "\(kept.text)")
        }
    }

    @Test(arguments: [
        (#"{"lru":{"highwm":91}}"#, "lru.highwm=91"),
        (#"{"mirror":{"copies":3}}"#, "mirror.copies"),
        (#"{"mirror":{"enabled":true}}"#, "mirror.enabled"),
        (#"{"ec":{"data_slices":2}}"#, "ec.data_slices"),
        (#"{"versioning":{"validate_warm_get":true}}"#, "versioning.validate_warm_get"),
        (#"{"checksum":{"type":"md5"}}"#, "checksum.type"),
        (#"{"checksum":{"validate_obj_move":true}}"#, "checksum.validate_obj_move"),
    ])
    func `a new bucket is not said to have what no bucket does`(
        _ value: String, _ name: String
    ) async throws {
        try await TestProxies.with(1) { proxies in
            let body = #"{"action":"createlb","value":\#(value)}"#
            let reply = try await proxies.ask(1, .post, "/v1/buckets/b", body)
            #expect(reply.status == 501 && reply.failure?.code == .notImplemented, "\(reply.text)")
            #expect(reply.text.contains(name), "\(reply.text)")
            // What every bucket has may be named.
            let same = try await proxies.ask(
                1, .post, "/v1/buckets/b",
                #"{"action":"createlb","value":{"lru":{"highwm":90,"enabled":true}}}"#)
            #expect(same.status == 200, "\(same.text)")
        }
    }

    @Test func `the document has every option of the contract`() async throws {
        try await TestProxies.with(1) { proxies in
            let reply = try await proxies.ask(1, .get, "/v1/daemon?what=config")
            for option in ConfigOption.all where option.isShown && option.kind != .object {
                let value = try Self.value(option.name, of: reply.body)
                #expect(value != "?" && value != "no section", "\(option.name)")
            }
            #expect(reply.text.contains(#""level":"3""#))
            #expect(reply.text.contains(#""confdir":"\#(proxies.dataPath(1))""#))
            #expect(reply.text.contains(#""cloud":{}"#))
        }
    }
}
