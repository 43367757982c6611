import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Requests on their way to a primary while that is another one every moment.
@Suite(.serialized) struct ForwardingTests {
    /// CL-07: no request is proposed twice, none goes round in circles, each has one exact answer.
    @Test func `requests that meet a change of primary are made once or not at all`() async throws {
        try await TestProxies.with(3) { proxies in
            let isDone = Latch()
            let transfers = Watched(0)
            let replies = try await withThrowingTaskGroup(
                of: [(name: String, reply: TestProxies.Reply, seconds: Double)].self
            ) { tasks in
                tasks.addTask {
                    var number = 0
                    while !isDone.isOpen {
                        number = number % 3 + 1
                        let reply = try await proxies.ask(
                            number, .put, "/v1/cluster/proxy/p\(number)")
                        if reply.status == 200 { transfers.update { $0 += 1 } }
                    }
                    return []
                }
                for number in 1...3 {
                    for client in 0..<2 {
                        tasks.addTask {
                            var replies:
                                [(name: String, reply: TestProxies.Reply, seconds: Double)] = []
                            for round in 0..<25 {
                                let name = "n\(number)-\(client)-\(round)"
                                let begun = MonotonicTime.now()
                                let reply = try await proxies.ask(
                                    number, .post, "/v1/buckets/\(name)",
                                    #"{"action":"createlb"}"#,
                                    headers: [(HeaderName.requestID, name)])
                                replies.append(
                                    (name, reply, Double(MonotonicTime.now().since(begun)) / 1e9))
                            }
                            return replies
                        }
                    }
                }
                var all: [(name: String, reply: TestProxies.Reply, seconds: Double)] = []
                for _ in 0..<6 { all += try await tasks.next() ?? [] }
                isDone.open()
                try await tasks.waitForAll()
                return all
            }
            #expect(transfers.value >= 5, "\(transfers.value) changes of primary")
            #expect(replies.count >= 100)
            let history = try await Self.creations(proxies)
            for (name, reply, seconds) in replies {
                let made = history.filter { $0 == name }.count
                switch reply.status {
                case 200: #expect(made == 1, "\(name)")
                case 504: #expect(made <= 1 && reply.failure?.code == .outcomeUnknown)
                default:
                    // An echo of its own success would be bucket_exists.
                    #expect(made == 0 && reply.status == 503, "\(name): \(reply.text)")
                }
                #expect(seconds < 8, "\(name): \(seconds) s")
            }
        }
    }

    /// CL-01, CL-07: with a session every request is answered for certain in the end, and made once.
    @Test func `requests of sessions that meet a change of primary are all made once`() async throws
    {
        try await TestProxies.with(3) { proxies in
            var opened: [String] = []
            for client in 1...4 {
                opened.append(try await proxies.openSession(through: client % 3 + 1))
            }
            let sessions = opened
            let isDone = Latch()
            let transfers = Watched(0)
            let names = try await withThrowingTaskGroup(of: [String].self) { tasks in
                tasks.addTask {
                    var number = 0
                    while !isDone.isOpen {
                        number = number % 3 + 1
                        let reply = try await proxies.ask(
                            number, .put, "/v1/cluster/proxy/p\(number)")
                        if reply.status == 200 { transfers.update { $0 += 1 } }
                    }
                    return []
                }
                for client in 1...4 {
                    tasks.addTask {
                        let session = sessions[client - 1]
                        var names: [String] = []
                        for sequence in 1...20 {
                            let name = "s\(client)-\(sequence)"
                            // At another proxy every time, until somebody knows.
                            var (reply, copies) = (
                                TestProxies.Reply(status: 0, headers: [], body: []), 0
                            )
                            while reply.status == 0 || reply.status >= 500 {
                                copies += 1
                                reply = try await proxies.create(
                                    name, through: (client + copies) % 3 + 1, session, sequence)
                                #expect(copies < 50, "\(name): \(reply.text)")
                            }
                            #expect(reply.status == 200, "\(name): \(reply.text)")
                            names.append(name)
                        }
                        return names
                    }
                }
                var all: [String] = []
                for _ in 0..<4 { all += try await tasks.next() ?? [] }
                isDone.open()
                try await tasks.waitForAll()
                return all
            }
            #expect(transfers.value >= 5 && names.count == 80)
            let buckets = try await proxies.ask(1, .get, "/v1/buckets/*").text
            for name in names { #expect(buckets.contains("\"\(name)\"")) }
            let versions = try await Self.creations(proxies)
            #expect(versions.count == 80 + 1)
        }
    }

    /// CL-07: the ways a request may take are finite: a forwarded one goes no further, one on a detour to the primary only.
    @Test func `a request goes no further than it may`() async throws {
        try await TestProxies.with(3) { proxies in
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let other = primary % 3 + 1
            let create = #"{"action":"createlb"}"#
            let forwarded = [(HeaderName.forwardedBy, "p9")]
            let back = try await proxies.ask(
                other, .post, "/v1/buckets/a", create, headers: forwarded)
            #expect(back.failure?.code == .noPrimary)
            let detour = try await proxies.ask(
                other, .post, "/v1/buckets/a", create,
                headers: forwarded + [(HeaderName.detour, "true")])
            #expect(detour.status == 200, "\(detour.text)")
            // Reads take the same ways.
            let read = try await proxies.ask(
                other, .get, "/v1/buckets/*", headers: forwarded + [(HeaderName.detour, "true")])
            #expect(read.status == 200 && read.text.contains("\"a\""))
            // Without a primary nothing is sent round: each is refused where it is, in time.
            for number in 1...3 where number != other { await proxies.stop(number) }
            try await eventually("the loss is noticed") {
                try await proxies.create("b", through: other).failure?.code == .noQuorum
            }
            let begun = MonotonicTime.now()
            let alone = try await proxies.ask(
                other, .get, "/v1/buckets/*", headers: forwarded + [(HeaderName.detour, "true")])
            #expect(alone.status == 503)
            #expect(MonotonicTime.now().since(begun) < 1_000_000_000)
        }
    }

    private static func creations(_ proxies: TestProxies) async throws -> [String] {
        var names: [String] = []
        var place = "0"
        while true {
            let reply = try await proxies.ask(
                1, .get, "/v1/cluster?what=watch&of=bmd&timeout=0&limit=1000&after=\(place)")
            guard case .object(let document) = try JSONValue(parsing: reply.body),
                case .array(let entries)? = document["entries"], !entries.isEmpty
            else { return names }
            for case .object(let entry) in entries {
                names.append(entry["request_id"]?.string ?? "")
            }
            place = document["next"]?.string ?? ""
        }
    }
}
