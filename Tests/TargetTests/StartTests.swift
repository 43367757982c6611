import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Target

/// What a target refuses to start with.
@Suite struct StartTests {
    @Test func `a mountpath of another target is refused, and named`() throws {
        let disk = try TemporaryDirectory()
        let first = try #require(NodeID("t1"))
        let second = try #require(NodeID("t2"))
        let path = try disk.directory("mp")
        try MountpathSet(claiming: [path], for: first).all[0].release()
        #expect(throws: MountpathError.foreign(path, owner: "t1")) {
            _ = try MountpathSet(claiming: [path], for: second)
        }
        #expect(throws: Never.self) { _ = try MountpathSet(claiming: [path], for: first) }
    }

    @Test func `one directory twice, one inside another, and a missing one are refused`() throws {
        let disk = try TemporaryDirectory()
        let node = try #require(NodeID("t1"))
        let path = try disk.directory("mp")
        let inner = try disk.directory("mp/inner")
        #expect(throws: MountpathError.same(path, path)) {
            _ = try MountpathSet(claiming: [path, "\(path)/./"], for: node)
        }
        #expect(throws: MountpathError.nested(inner, inside: path)) {
            _ = try MountpathSet(claiming: [path, inner], for: node)
        }
        #expect(throws: MountpathError.self) {
            _ = try MountpathSet(claiming: ["\(path)/none"], for: node)
        }
    }

    @Test func `a mountpath in use is refused`() throws {
        let disk = try TemporaryDirectory()
        let node = try #require(NodeID("t1"))
        let path = try disk.directory("mp")
        let claimed = try MountpathSet(claiming: [path], for: node)
        #expect(throws: MountpathError.inUse(path)) {
            _ = try MountpathSet(claiming: [path], for: node)
        }
        withExtendedLifetime(claimed) {}
    }

    @Test(arguments: [
        ("/ais/mp1", "/ais/mp1"), ("/ais//mp1/", "/ais/mp1"), ("/ais/./x/../mp1", "/ais/mp1"),
        ("/", "/"), ("/../..", "/"),
    ])
    func `a path is cleaned as AIStore cleans it`(_ path: String, _ cleaned: String) {
        #expect(Mountpath.cleaned(path) == cleaned)
    }

    @Test func `settings are read strictly`() throws {
        let settings = try NodeSettings(
            decoding: Array(
                #"{"log_level":"debug","target":{"pool_threads":3},"proxy":{"x":1}}"#.utf8))
        #expect(settings.logLevel == .debug)
        #expect(settings.poolThreads == 3)
        for text in [
            #"{"target":{"pool_thread":3}}"#, #"{"target":{"pool_threads":0}}"#,
            #"{"pool_threads":3}"#,
            #"{"log_level":"loud"}"#, "[", "[]",
        ] {
            #expect(throws: Failure.self) { _ = try NodeSettings(decoding: Array(text.utf8)) }
        }
    }

    @Test func `the cluster record is read as written, and no damaged one is`() throws {
        let record = ClusterRecord(
            clusterID: "c", position: LogPosition(generation: 1, nonce: 2, term: 3, index: 4))
        let disk = try TemporaryDirectory()
        let directory = try Directory(opening: disk.path)
        #expect(try ClusterRecord(in: directory) == ClusterRecord())
        try record.write(in: directory)
        #expect(try ClusterRecord(in: directory) == record)
        for place in record.encoded.indices {
            var bytes = record.encoded
            bytes[place] ^= 1
            #expect(throws: DecodingFailure.self) { _ = try ClusterRecord(decoding: bytes) }
        }
    }

    @Test(arguments: [
        ["--listen", "0.0.0.0:8081"], ["--listen", ":8081"], ["--listen", "127.0.0.1"],
        ["--listen", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:8081", "--join", "http://10.0.0.1:8080"],
        ["--listen", "127.0.0.1:8081", "--join", "https://127.0.0.1:8080"],
        ["--listen", "127.0.0.1:8081", "--config", "/nonexistent"],
    ])
    func `wrong flags end with status 2`(_ words: [String]) async {
        var words = words + ["--id", "t1", "--data", "/nonexistent", "--mountpath", "/nonexistent"]
        if !words.contains("--join") { words += ["--join", "http://127.0.0.1:8080"] }
        #expect(await TargetCommand.run(arguments: words) == 2)
    }

    @Test func `work files and trash of an earlier life are removed, objects stay`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let bucket = try #require(Bucket(name: "b"))
        proxy.submit(.createBucket(bucket, BucketProperties()))
        var target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        let stored = try await target.put("o", "x")
        #expect(stored == .ok)
        await target.end()
        _ = try disks.directory("t1-mp1/@ais/b/%wk/deep")
        _ = try disks.directory("t1-mp1/$trash/old/%ob/deep")
        target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        let directory = try Directory(opening: "\(disks.path)/t1-mp1")
        try await eventually("nothing left over") {
            try BucketLayout.directories(in: "$trash", on: directory).isEmpty
                && BucketLayout.directories(in: "@ais/b/%wk", on: directory).isEmpty
        }
        let reply = try await target.get("o")
        #expect(reply.text == "x")
        await target.end()
        await proxy.stop()
    }
}
