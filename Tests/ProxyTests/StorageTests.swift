import API
import Base
import Cluster
import FoundationEssentials
import HTTP
import MetaStore
import TestSupport
import Testing

@testable import Consensus
@testable import Proxy

/// Proxies whose files are not as they left them: they say so, catch up, and are themselves again.
@Suite(.serialized) struct StorageTests {
    private func raft(_ proxies: TestProxies, _ number: Int) async throws -> JSONValue {
        let reply = try await proxies.ask(number, .get, "/v1/daemon?what=raft")
        #expect(reply.status == 200)
        return try JSONValue(parsing: reply.body)
    }

    private func member(_ raft: JSONValue) -> String? {
        guard case .object(let object) = raft else { return nil }
        return object["member"]?.string
    }

    private func storage(_ raft: JSONValue) throws -> JSONValue {
        guard case .object(let object) = raft else { throw DecodingFailure("no object", at: 0) }
        return try #require(object["storage"])
    }

    private func has(
        _ bucket: String, _ number: Int, _ proxies: TestProxies
    ) async throws -> Bool {
        try await proxies.ask(number, .get, "/v1/buckets/*?consistency=stale").text
            .contains(bucket)
    }

    /// ST-04, ST-02 (a), PC-12: the file is damaged, or gone, or older; the founder has nobody on its command line.
    @Test(arguments: [1, 2], ["damaged", "gone", "older"])
    func `a proxy whose database is not what it was catches up by itself`(
        number: Int, what: String
    ) async throws {
        try await TestProxies.with(3) { proxies in
            let file = "\(proxies.dataPath(number))/\(SQLiteLog.fileName)"
            let before = member(try await raft(proxies, number))
            #expect(try await proxies.create("kept-before", through: 1).status == 200)
            if what == "older" {
                await proxies.stop(number)
                let copy = FileManager.default.contents(atPath: file)
                try await proxies.start(number)
                try await proxies.waitUntilReady(number)
                #expect(try await proxies.create("kept-later", through: number).status == 200)
                try await eventually("it is here") { try await has("kept-later", number, proxies) }
                await proxies.stop(number)
                try #require(copy).write(to: URL(filePath: file))
                try? FileManager.default.removeItem(atPath: file + "-wal")
            } else {
                #expect(try await proxies.create("kept-later", through: 3).status == 200)
                await proxies.stop(number)
                if what == "gone" {
                    try FileManager.default.removeItem(atPath: file)
                    try? FileManager.default.removeItem(atPath: file + "-wal")
                } else {
                    var bytes = Array(try #require(FileManager.default.contents(atPath: file)))
                    let word = Array("kept-before".utf8)
                    for place in bytes.indices.dropLast(word.count)
                    where bytes[place..<place + word.count].elementsEqual(word) {
                        bytes[place + 2] ^= 1
                    }
                    try Data(bytes).write(to: URL(filePath: file))
                }
            }
            let other = try #require([1, 2, 3].last { $0 != number })
            #expect(try await proxies.create("while-away", through: other).status == 200)
            try await proxies.start(number)
            try await proxies.waitUntilReady(number)
            let raft = try await raft(proxies, number)
            #expect(member(raft) == before)
            guard case .object(let storage) = try storage(raft) else { return }
            #expect(storage["recovering_until"] == .null)
            guard case .array(let findings) = storage["found_at_start"] else { return }
            #expect(!findings.isEmpty)
            let names = try await proxies.ask(number, .get, "/v1/buckets/*").text
            for name in ["kept-before", "kept-later", "while-away"] {
                #expect(names.contains(name), "\(names)")
            }
            let files = try FileManager.default.contentsOfDirectory(
                atPath: proxies.dataPath(number))
            #expect(files.contains("metadata.db.damaged-1") == (what == "damaged"))
            // It counts again: with it alone beside the primary, changes are made.
            await proxies.stop(other)
            try await eventually("two are a majority") {
                try await proxies.create("with-it", through: number).status == 200
            }
        }
    }

    /// ST-13.
    @Test func `a proxy whose state differs shows nothing before it has that of the others`()
        async throws
    {
        try await TestProxies.with(3) { proxies in
            #expect(try await proxies.create("all-have-it", through: 1).status == 200)
            let primary = try #require(try await proxies.primary(asSeenBy: 1))
            let victim = try #require([1, 2, 3].first { $0 != primary })
            try await eventually("it is here") { try await has("all-have-it", victim, proxies) }
            let raft = try #require(proxies.daemon(victim)).group.raft
            let before = raft.state.hash
            raft.disturb { catalog in
                let rows = catalog.state.rows.filter { $0.kind != .bucket }
                guard let state = try? ClusterState(rows: rows, position: catalog.state.position)
                else { return }
                catalog.restore(state)
            }
            #expect(raft.state.hash != before)
            #expect(try await proxies.create("next", through: 1).status == 200)
            let leader = try #require(proxies.daemon(primary)).group.raft
            try await eventually("the state is right again") {
                let isThere = try await has("all-have-it", victim, proxies)
                return isThere && raft.state.hash == leader.state.hash
            }
            try await proxies.waitUntilReady(victim)
            let status = try #require(proxies.daemon(victim)).group.status
            #expect(status.quarantine == nil)
        }
    }

    /// ST-13: what a proxy in quarantine answers, and what it does not.
    @Test(arguments: [
        ("/v1/objects/b/o", false), ("/v1/buckets/*", false), ("/v1/cluster?what=smap", false),
        ("/v1/daemon?what=smap", false), ("/v1/log/follow", false), ("/v1/daemon?what=raft", true),
        ("/v1/health", true), ("/v1/raft/stream", true), ("/metrics", true),
    ])
    func `in quarantine a proxy tells how it is, and nothing else`(
        path: String, isAnswered: Bool
    ) throws {
        let target = RequestTarget(path)
        let resource = try Resource(path: target.path)
        var failure: Failure?
        do { try ProxyHandler.refuse(resource, target) } catch { failure = error }
        #expect((failure == nil) == isAnswered)
        #expect(isAnswered || failure?.code == .starting)
    }

    /// ST-12: the walk goes over all rows, and its report is where an operator looks.
    @Test func `the walk over the rows is reported`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("b", through: 1).status == 200)
            try await eventually("a walk has ended") {
                guard case .object(let storage) = try storage(try await raft(proxies, 1)),
                    case .object(let scan) = storage["scan"]
                else { return false }
                return scan["last_walk"]?.string?.isEmpty == false
            }
            let metrics = try await proxies.ask(1, .get, "/metrics").text
            #expect(metrics.contains("martlet_storage_scans_total 1"))
            #expect(metrics.contains("martlet_storage_recovering 0"))
        }
    }
}
