import API
import Base
import Cluster
import Consensus
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Hostile and damaged bytes on the routes between members: a typed error or a closed stream, and nothing else changes.
@Suite(.serialized) struct HostileStreamTests {
    /// Who the proxies are, as their map tells.
    private struct Cast {
        let cluster: String
        let members: [Int: UInt64]

        init(_ proxies: TestProxies, count: Int) async throws {
            let map = try JSONValue(
                parsing: try await proxies.ask(1, .get, "/v1/daemon?what=smap").body)
            guard case .object(let object) = map, let uuid = object["uuid"]?.string,
                case .object(let nodes) = object["pmap"]
            else { throw Failure(.badBody, "not a map") }
            cluster = uuid
            var members: [Int: UInt64] = [:]
            for number in 1...count {
                guard case .object(let node) = nodes["p\(number)"] else { continue }
                members[number] = node["member"]?.string.flatMap { UInt64($0, radix: 16) }
            }
            self.members = members
        }

        func hello(from sender: UInt64, to recipient: UInt64) -> [UInt8] {
            Frame.hello(
                Hello(
                    cluster: Array(cluster.utf8),
                    generation: Generation(counter: 1, nonce: 0), sender: MemberID(sender),
                    recipient: MemberID(recipient), senderURL: "http://127.0.0.1:9")
            ).encoded
        }
    }

    /// What must stay as it is: the maps, the term and who leads.
    private static func facts(_ proxies: TestProxies, _ number: Int) async throws -> [String] {
        let raft = try JSONValue(
            parsing: try await proxies.ask(number, .get, "/v1/daemon?what=raft").body)
        guard case .object(let object) = raft else { throw Failure(.badBody, "no document") }
        return [
            try await proxies.ask(number, .get, "/v1/daemon?what=smap").text,
            try await proxies.ask(number, .get, "/v1/daemon?what=bmd").text,
            "\(object["term"] ?? .null)", "\(object["leader"] ?? .null)",
            "\(object["generation"] ?? .null)",
        ]
    }

    /// Sends bytes as a request's body.
    ///
    /// - Returns: the status, and the code of the failure; `nil` when the connection was closed without an answer.
    private static func send(
        _ bytes: [UInt8], to path: String, _ proxies: TestProxies, ends: Bool = true
    ) async throws -> (status: Int, code: FailureCode?)? {
        let call: ClientCall
        do {
            call = try await proxies.client.open(
                .post, try proxies.endpoint(1), path,
                timeouts: Client.Timeouts(responseSeconds: 5, idleSeconds: 5))
        } catch {
            return nil
        }
        defer { call.close() }
        do {
            try await call.write(bytes)
            if ends { try await call.finish() }
        } catch {
            // It was refused before all was sent; the answer may be there.
        }
        do {
            let response = try await call.response()
            let body = try await response.collect(upTo: 1 << 20)
            return (response.status.rawValue, Failure(decoding: body)?.code)
        } catch ClientError.timedOut {
            Issue.record("\(path) hangs on \(bytes.count) bytes")
            return nil
        } catch {
            return nil
        }
    }

    @Test func `damaged frames of members end their stream and change nothing`() async throws {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("b", through: 2).status == 200)
            let cast = try await Cast(proxies, count: 3)
            let (own, other) = (try #require(cast.members[1]), try #require(cast.members[2]))
            let before = try await Self.facts(proxies, 1)
            let hello = cast.hello(from: other, to: own)
            let message = Frame.message(
                Envelope(
                    from: MemberID(other), to: MemberID(own),
                    generation: Generation(counter: 1, nonce: 0), term: Term(1_000_000),
                    message: .voteRequest(
                        last: LogMark(index: Index(1_000_000), term: Term(1_000_000)),
                        isTransfer: true))
            ).encoded
            var random = SeededRandom(seed: 42)
            var streams: [[UInt8]] = [
                [], [0, 0, 0, 0], [255, 255, 255, 255], [255, 255, 63, 0], [9, 0, 0, 0, 1],
                Array("GET / HTTP/1.1\r\n\r\n".utf8), message, hello + hello,
                hello + [0, 0, 0, 0], hello + [255, 255, 255, 127], Array(hello.dropLast()),
                // Of somebody else, to somebody else, of another cluster.
                cast.hello(from: other, to: own &+ 1) + message,
                hello
                    + Frame.message(
                        Envelope(
                            from: MemberID(own), to: MemberID(other),
                            generation: Generation(counter: 9, nonce: 9), term: Term(1_000_000),
                            message: .timeoutNow())
                    ).encoded,
            ]
            for _ in 0..<60 {
                var damaged = hello + message
                let place = Int.random(in: 0..<damaged.count, using: &random)
                damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                // A flip in the length of a frame may leave it waiting for more, until the sender ends.
                streams.append(damaged)
                streams.append(
                    (0..<Int.random(in: 1...300, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    })
            }
            for stream in streams {
                let answer = try await Self.send(stream, to: "/v1/raft/stream", proxies)
                guard let answer else { continue }
                #expect(
                    (answer.status == 200 && answer.code == nil)
                        || (400..<500).contains(answer.status) && answer.code != nil,
                    "\(stream.prefix(40)): \(answer)")
            }
            #expect(try await Self.facts(proxies, 1) == before)
            #expect(try await proxies.create("c", through: 3).status == 200)
        }
    }

    @Test func `a flood of senders takes no more room than a group has members`() async throws {
        try await TestProxies.with(1) { proxies in
            let cast = try await Cast(proxies, count: 1)
            let own = try #require(cast.members[1])
            for sender in 0..<UInt64(Limits.contactsMax + 100) {
                _ = try await Self.send(
                    cast.hello(from: 1_000_000 + sender, to: own), to: "/v1/raft/stream", proxies)
            }
            #expect(try #require(proxies.daemon(1)).group.contacts.count <= Limits.contactsMax)
            #expect(try await proxies.create("b", through: 1).status == 200)
        }
    }

    @Test func `what followers and their proxies send is refused by name when it is damaged`()
        async throws
    {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("b", through: 1).status == 200)
            let before = try await Self.facts(proxies, 1)
            let path = "/v1/log/follow?node=t9&after=\(LogPosition.zero.text)"
            let good = FollowFrame.acknowledge(
                position: LogPosition(generation: 1, nonce: 0, term: 1, index: 1), hash: 7
            ).encoded
            var random = SeededRandom(seed: 7)
            for _ in 0..<40 {
                var damaged = good + good
                let place = Int.random(in: 0..<damaged.count, using: &random)
                damaged[place] = UInt8.random(in: 0...255, using: &random)
                // The answer has begun; the stream just ends.
                let answer = try await Self.follow(damaged, path, proxies)
                #expect(answer, "the stream ends or goes on")
            }
            for frame in [
                FollowFrame.progress(.init(clusterID: "x", committed: .zero, primary: "p9")),
                .entry(
                    .init(
                        position: .zero, time: Timestamp(nanoseconds: 1), kind: .command,
                        payload: [1])),
            ] {
                #expect(try await Self.follow(frame.encoded, path, proxies))
            }
            let report = FollowerReport(
                proxy: try #require(NodeID("p1")), sequence: .init(life: 1, number: 1),
                followers: [.init(id: try #require(NodeID("t1")), position: .zero)]
            ).encoded
            let stranger = String(decoding: report, as: UTF8.self)
                .replacingOccurrences(of: "p1", with: "p7")
            var bodies: [(String, [UInt8], [FailureCode])] = [
                ("/v1/log/followers", Array(stranger.utf8), [.badNode]),
                (
                    "/v1/log/followers", Array(String(repeating: "[", count: 100_000).utf8),
                    [.badBody]
                ),
                (
                    "/v1/log/followers",
                    [UInt8](repeating: UInt8(ascii: " "), count: (1 << 20) + 1), [.bodyTooLarge]
                ),
            ]
            let others: [(String, [UInt8])] = [
                ("/v1/log/followers", report),
                (
                    "/v1/cluster/mountpaths",
                    MountpathReport(
                        target: try #require(NodeID("t9")),
                        note: MountpathNote(
                            path: "/mp", disk: "0a", isDisabled: true, reason: "EIO")
                    ).encoded
                ),
                (
                    "/v1/cluster/decommission",
                    RemovalReport(
                        target: try #require(NodeID("t9")),
                        report: DecommissionReport(order: .zero, left: [])
                    ).encoded
                ),
                ("/v1/daemon/recovery", Array(#"{"node":"p1","url":"http://127.0.0.1:9"}"#.utf8)),
                (
                    "/v1/cluster/autoreg",
                    JoinRequest(
                        node: Node(
                            id: try #require(NodeID("t9")), role: .target,
                            address: try #require(NodeAddress(host: "127.0.0.1", port: 9))),
                        clusterID: "another"
                    ).encoded
                ),
            ]
            for (path, body) in others {
                for _ in 0..<40 {
                    var damaged = body
                    let place = Int.random(in: 0..<damaged.count, using: &random)
                    // Never a digit or a letter: what is still a message may be a good one.
                    damaged[place] =
                        [0, 0x22, 0x5C, 0x7B, 0x80, 0xFF].randomElement(using: &random) ?? 0
                    bodies.append((path, damaged, []))
                }
            }
            for (path, body, codes) in bodies {
                let answer = try await Self.send(body, to: path, proxies)
                let said = "\(path): \(String(decoding: body.prefix(200), as: UTF8.self))"
                guard let answer else {
                    Issue.record("no answer to \(said)")
                    continue
                }
                if !codes.isEmpty {
                    #expect(answer.code.map { codes.contains($0) } == true, "\(said) \(answer)")
                }
                #expect(answer.status < 500, "\(said) \(answer)")
                #expect(answer.status < 400 || answer.code != nil, "\(said) \(answer)")
            }
            #expect(try await Self.facts(proxies, 1) == before)
            #expect(try await proxies.create("c", through: 1).status == 200)
        }
    }

    /// Follows the log, and sends bytes where acknowledgements are expected.
    ///
    /// - Returns: whether the stream had begun well.
    private static func follow(
        _ bytes: [UInt8], _ path: String, _ proxies: TestProxies
    ) async throws -> Bool {
        let call = try await proxies.client.open(
            .post, try proxies.endpoint(1), path, timeouts: Client.Timeouts(idleSeconds: 5))
        defer { call.close() }
        let response = try await call.response()
        guard response.status == .ok else { return false }
        do {
            try await call.write(bytes)
            try await call.finish()
            while try await response.next() != nil {}
        } catch ClientError.timedOut {
            return false
        } catch {}
        return true
    }
}
