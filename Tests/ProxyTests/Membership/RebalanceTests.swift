import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Rebalances and other jobs: started, stopped and asked about by curl's lines (contract §7.9, §11).
@Suite(.serialized) struct RebalanceTests {
    @Test func `a rebalance is recorded with its number, and the record says that nothing moved`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let start = #"{"action":"start","value":{"kind":"rebalance"}}"#
            let dry = try await proxies.ask(1, .put, "/v1/cluster?dry_run=true", start)
            #expect(dry.text.contains("rebalance g1 is recorded, and not run"), "\(dry.text)")
            for number in 1...3 {
                let reply = try await proxies.ask(number, .put, "/v1/cluster", start)
                #expect(reply.status == 200 && reply.text == "g\(number)", "\(reply.text)")
                #expect(reply.header("Content-Type") == "text/plain; charset=utf-8")
                #expect(reply.header("Martlet-Notice")?.contains("moves no objects") == true)
            }
            for body in [
                #"{"action":"stop","value":{"kind":"rebalance"}}"#,
                #"{"action":"stop","value":{"id":"g3"}}"#,
                #"{"action":"stop","value":{"kind":"lru"}}"#,
            ] {
                let reply = try await proxies.ask(2, .put, "/v1/cluster", body)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.text)")
            }
            let unknown = try await proxies.ask(
                2, .put, "/v1/cluster", #"{"action":"start","value":{"kind":"nothing"}}"#)
            #expect(unknown.failure?.next?.contains("rebalance, election") == true)
            let record = try await proxies.ask(3, .get, "/v1/daemon?what=rmd").text
            #expect(record.hasPrefix(#"{"target_ids":["t1","t2"],"version":3,"status":"not_run""#))
            #expect(record.contains(#""stopped":""#), "\(record)")
            // What became of one is known when others have begun, everywhere.
            for number in 1...3 {
                for (body, id, wasStopped) in [
                    (#"{"id":"g1"}"#, "g1", false),
                    (#"{"id":"g2","kind":"rebalance"}"#, "g2", false),
                    (#"{"kind":"rebalance"}"#, "g3", true),
                    (#"{"id":"g1","show_active":false}"#, "g1", false),
                ] {
                    let reply = try await proxies.ask(
                        number, .get, "/v1/cluster?what=status", body)
                    #expect(reply.text.hasPrefix(#"{"uuid":"\#(id)","#), "\(body): \(reply.text)")
                    #expect(!reply.text.contains(#""end_time":0"#), "\(reply.text)")
                    #expect(reply.text.contains(#""aborted":\#(wasStopped)"#), "\(reply.text)")
                }
                let unknown = try await proxies.ask(
                    number, .get, "/v1/cluster?what=status", #"{"id":"g4"}"#)
                #expect(unknown.failure?.code == .xactionNotFound, "\(unknown.text)")
                for (body, ids) in [
                    ("{}", ["g3", "g2", "g1"]), (#"{"kind":"rebalance"}"#, ["g3", "g2", "g1"]),
                    (#"{"id":"g2"}"#, ["g2"]), (#"{"show_active":true}"#, []),
                    (#"{"kind":"lru"}"#, []),
                ] {
                    let reply = try await proxies.ask(
                        number, .get, "/v1/cluster?what=status_all&frc=true", body)
                    guard case .array(let all) = try JSONValue(parsing: reply.body) else {
                        Issue.record("\(reply.text)")
                        continue
                    }
                    let states = all.compactMap { state in
                        if case .object(let members) = state { members } else { nil }
                    }
                    #expect(states.map { $0["uuid"]?.string } == ids, "\(reply.text)")
                    for state in states {
                        #expect(state["kind"]?.string == "rebalance")
                        #expect(state["is_idle"] == .bool(false))
                    }
                }
                let gone = try await proxies.ask(
                    number, .get, "/v1/cluster?what=status_all", #"{"id":"g4"}"#)
                #expect(gone.failure?.code == .xactionNotFound, "\(gone.text)")
                for body in ["{}", #"{"kind":"rebalance","show_active":true}"#] {
                    let running = try await proxies.ask(
                        number, .get, "/v1/cluster?what=running_all", body)
                    #expect(running.status == 200 && running.text == "[]\n", "\(running.text)")
                }
                let ended = try await proxies.ask(
                    number, .get, "/v1/cluster?what=running_all", #"{"show_active":false}"#)
                #expect(ended.failure?.code == .badValue, "\(ended.text)")
                let jobs = try await proxies.ask(
                    number, .get, "/v1/cluster?what=qryxstats", #"{"id":"g1"}"#)
                #expect(jobs.status == 200, "\(jobs.text)")
            }
            // The form of AIStore's documents, at a proxy that passes it on.
            let other = try #require(try await proxies.primary(asSeenBy: 1)) % 3 + 1
            for (query, body, text) in [
                ("&dry_run=true", #"{"action":"start","name":"rebalance"}"#, #""dry_run":true"#),
                ("", #"{"action":"start","name":"rebalance"}"#, "g4"),
                ("", #"{"action":"stop","name":"rebalance","value":{"bucket":""}}"#, ""),
                ("", #"{"action":"stop","name":"rebalance"}"#, ""),
            ] {
                let reply = try await proxies.ask(
                    other, .get, "/v1/cluster?what=xaction\(query)", body)
                #expect(reply.status == 200, "\(body): \(reply.text)")
                #expect(
                    text.hasPrefix("g") || text.isEmpty
                        ? reply.text == text : reply.text.contains(text), "\(reply.text)")
            }
            let refused = try await proxies.ask(
                other, .get, "/v1/cluster?what=xaction", #"{"action":"start","name":"nothing"}"#)
            #expect(refused.failure?.code == .badValue && refused.failure?.method == "GET")
            for target in targets { await target.stop() }
        }
    }

    @Test func `what a start or a stop of a job would pass over is refused by name`() async throws {
        try await TestProxies.with(1) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let rows: [(String, String, FailureCode, String)] = [
                ("start", #""id":"g1""#, .badValue, "value.id"),
                ("start", #""bck":{"name":"b"}"#, .notImplemented, "value.bck"),
                ("start", #""buckets":[{"name":"b"}]"#, .badValue, "value.buckets"),
                ("start", #""force":true"#, .badValue, "value.force"),
                ("start", #""show_active":false"#, .badValue, "value.show_active"),
                ("start", #""OnlyRunning":true"#, .badValue, "value.show_active"),
                ("start", #""DaemonID":"t1""#, .badValue, "value.DaemonID"),
                ("start", #""Timeout":1000"#, .badValue, "value.Timeout"),
                ("start", #""flags":2"#, .notImplemented, "value.flags"),
                ("start", #""prefix":"a""#, .badValue, "prefix"),
                ("stop", #""bck":{"name":"b"}"#, .badValue, "value.bck"),
                ("stop", #""buckets":[{"name":"b"}]"#, .badValue, "value.buckets"),
                ("stop", #""force":true"#, .badValue, "value.force"),
                ("stop", #""node":"t1""#, .badValue, "value.DaemonID"),
            ]
            for (action, option, code, name) in rows {
                let body = #"{"action":"\#(action)","value":{"kind":"rebalance",\#(option)}}"#
                for query in ["", "?dry_run=true"] {
                    let reply = try await proxies.ask(1, .put, "/v1/cluster\(query)", body)
                    #expect(reply.failure?.code == code, "\(body): \(reply.text)")
                    #expect(reply.failure?.message.contains(name) == true, "\(reply.text)")
                }
            }
            let misspelled = try await proxies.ask(
                1, .put, "/v1/cluster", #"{"action":"stop","value":{"kind":"rebalence"}}"#)
            #expect(misspelled.failure?.code == .badValue, "\(misspelled.text)")
            let record = try await proxies.ask(1, .get, "/v1/daemon?what=rmd").text
            #expect(record.contains(#""version":0"#), "\(record)")
            // Later clients send all keys they have, and other kinds can be of a bucket.
            let later =
                #"{"action":"start","value":{"ID":"","Kind":"rebalance","DaemonID":"","#
                + #""Bck":{"name":"","provider":"","namespace":{"uuid":"","name":""}},"#
                + #""Buckets":null,"Timeout":0,"Force":false,"OnlyRunning":false}}"#
            let begun = try await proxies.ask(1, .put, "/v1/cluster", later)
            #expect(begun.status == 200 && begun.text == "g1", "\(begun.text)")
            let stop = #"{"action":"stop","value":{"kind":"copy-bck","bck":{"name":"b"}}}"#
            #expect(try await proxies.ask(1, .put, "/v1/cluster", stop).status == 200)
            for target in targets { await target.stop() }
        }
    }

    @Test func `no rebalance begins within dont_run_time of the start of the primary`() async throws
    {
        try await TestProxies.with(1) { proxies in
            let targets = [
                try await StubTarget.start(proxies), try await StubTarget.start(proxies, "t2"),
            ]
            let start = #"{"action":"start","value":{"kind":"rebalance"}}"#
            let set = "/v1/cluster/setconfig?rebalance.dont_run_time="
            #expect(try await proxies.ask(1, .put, set + "10m").status == 200)
            let refused = try await proxies.ask(1, .put, "/v1/cluster", start)
            #expect(
                refused.status == 400 && refused.failure?.code == .badRequest, "\(refused.text)")
            #expect(refused.text.contains("dont_run_time (10m"), "\(refused.text)")
            let dry = try await proxies.ask(1, .put, "/v1/cluster?dry_run=true", start)
            #expect(dry.text.contains(#""verdict":"blocked""#), "\(dry.text)")
            let stop = #"{"action":"stop","value":{"kind":"rebalance"}}"#
            #expect(try await proxies.ask(1, .put, "/v1/cluster", stop).status == 200)
            // By the time that the primary has run for so long it begins.
            #expect(try await proxies.ask(1, .put, set + "1ms").status == 200)
            let begun = try await proxies.ask(1, .put, "/v1/cluster", start)
            #expect(begun.status == 200 && begun.text == "g1", "\(begun.text)")
            for target in targets { await target.stop() }
        }
    }
}
