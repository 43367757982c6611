import API
import Base
import Cluster
import Glibc
import HTTP
import TestSupport
import Testing

@testable import Target

/// Destroyed and created again, while up and while down: no object crosses from one life of a bucket into the next.
@Suite struct BucketLifeTests {
    @Test func `a bucket created again is empty`() async throws {
        try await TestTarget.with { target async throws in
            let bucket = try #require(Bucket(name: "b"))
            for round in 1...10 {
                #expect(try await target.put("o\(round)", "x") == .ok)
                #expect(try await target.put("d/o\(round)", "x") == .ok)
                #expect(try await target.get("o\(round)").status == .ok)
                target.proxy.submit(.destroyBucket(bucket))
                #expect(try await target.get("o\(round)").failure?.code == .bucketNotFound)
                target.proxy.submit(.createBucket(bucket, BucketProperties()))
                #expect(try await target.get("o\(round)").failure?.code == .objectNotFound)
                #expect(try await target.get("d/o\(round)").failure?.code == .objectNotFound)
            }
        }
    }

    @Test func `an upload that began before the destruction lands nowhere`() async throws {
        try await TestTarget.with { target async throws in
            let bucket = try #require(Bucket(name: "b"))
            let endpoint = Endpoint(host: "127.0.0.1", port: Int(target.daemon.node.address.port))
            let query = "pid=p1&utm=1&at=\(target.proxy.state.position.text)"
            let call = try await target.client.open(
                .put, endpoint, "/v1/objects/b/o?\(query)", length: 600_000)
            try await call.write([UInt8](repeating: 1, count: 500_000))
            try await eventually("a work file") { Self.workFiles(target) == 1 }
            target.proxy.submit(.destroyBucket(bucket))
            target.proxy.submit(.createBucket(bucket, BucketProperties()))
            try await target.proxy.acknowledged(by: "t1")
            try await call.write([UInt8](repeating: 1, count: 100_000))
            let response = try await call.response()
            let failure = Failure(decoding: try await response.collect(upTo: 1 << 16))
            #expect(failure?.code == .bucketNotFound)
            #expect(try await target.get("o").failure?.code == .objectNotFound)
        }
    }

    @Test func `what was destroyed and created again while the target was down is gone`()
        async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let bucket = try #require(Bucket(name: "b"))
        let other = try #require(Bucket(name: "kept"))
        proxy.submit(.createBucket(bucket, BucketProperties()))
        proxy.submit(.createBucket(other, BucketProperties()))
        var target = try TestTarget(proxy, disks)
        try await target.ready()
        #expect(try await target.put("o", "old") == .ok)
        #expect(try await target.put("o", "kept", bucket: "kept") == .ok)
        await target.end()
        proxy.submit(.destroyBucket(bucket))
        proxy.submit(.createBucket(bucket, BucketProperties()))
        proxy.compact()
        target = try TestTarget(proxy, disks)
        try await target.ready()
        #expect(try await target.get("o").failure?.code == .objectNotFound)
        #expect(try await target.get("o", bucket: "kept").text == "kept")
        await target.end()
        await proxy.stop()
    }

    /// FS-18: without a restart, while objects are read and written.
    @Test func `a recovery under way takes the target along, and its directories stay`()
        async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let (both, lost) = (try #require(Bucket(name: "b")), try #require(Bucket(name: "lost")))
        proxy.submit(.createBucket(both, BucketProperties()))
        let base = proxy.state
        proxy.submit(.createBucket(lost, BucketProperties()))
        let target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        let older = proxy.state.position
        #expect(try await target.put("o", "kept") == .ok)
        #expect(try await target.put("o", "precious", bucket: "lost") == .ok)
        #expect(try await target.get("o").text == "kept")
        // What the survivor had: the bucket, and the target.
        var recovered = base
        var changes: [StateRow.Change] = []
        let place = LogPosition(generation: 2, nonce: 1, term: 2, index: base.position.index + 1)
        let id = try #require(NodeID("t1"))
        let node = try #require(proxy.state.map[id])
        _ = recovered.apply(
            LogRecord(.setNode(node), actor: "test"), at: place,
            time: Timestamp(nanoseconds: 1), changes: &changes)
        proxy.recover(recovered)
        try await target.ready()
        #expect(try await target.get("o").text == "kept")
        #expect(try await target.get("o", bucket: "lost").failure?.code == .bucketNotFound)
        let path = "t1-mp1/@ais/lost/%ob/o"
        #expect(try Directory(opening: disks.path).status(path).st_size == 8)
        // A proxy of the generation before is not believed, also not by an object that is kept open.
        for method in [HTTP.Method.get, .put] {
            let reply = try await target.ask(
                method, "/v1/objects/b/o", at: .position(older), body: [])
            #expect(reply.failure?.code == .olderGeneration, "\(reply.text)")
        }
        #expect(try await target.get("o").text == "kept")
        await target.end()
        await proxy.stop()
    }

    @Test func `a forced recovery that forgot a bucket loses none of its objects`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let bucket = try #require(Bucket(name: "b"))
        let before = proxy.state
        proxy.submit(.createBucket(bucket, BucketProperties()))
        var target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        #expect(try await target.put("o", "precious") == .ok)
        await target.end()
        await proxy.stop()
        // The recovery begins anew from before the bucket.
        let recovered = try FakeProxy(clusterID: before.map.clusterID, generation: 2, nonce: 9)
        target = try TestTarget(recovered, disks, mountpaths: 1)
        try await target.ready()
        #expect(try await target.get("o").failure?.code == .bucketNotFound)
        let object = "t1-mp1/@ais/b/%ob/o"
        #expect(try Directory(opening: disks.path).status(object).st_size == 8)
        let inPlace = try await target.ask(.get, "/v1/daemon?what=kept", at: nil).text
        #expect(inPlace.contains(#""path":"@ais/b","bucket":"ais://b","moved":false"#))
        #expect(inPlace.contains(#""generation":"1-7""#), "\(inPlace)")
        // And a new bucket of that name does not show them.
        recovered.submit(.createBucket(bucket, BucketProperties()))
        #expect(try await target.get("o").failure?.code == .objectNotFound)
        let kept = try BucketLayout.directories(
            in: "t1-mp1/$kept", on: try Directory(opening: disks.path))
        #expect(kept.count == 1 && kept[0].hasPrefix("b.1-7."))
        let moved = try await target.ask(.get, "/v1/daemon?what=kept", at: nil).text
        #expect(moved.contains(#""path":"$kept/\#(kept[0])","bucket":"b","moved":true"#))
        await target.end()
        await recovered.stop()
    }

    @Test func `a bucket that a disk is not ready for is unavailable, not absent`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let bucket = try #require(Bucket(name: "b"))
        let clusterID = proxy.state.map.clusterID
        proxy.submit(.createBucket(bucket, BucketProperties()))
        var target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        #expect(try await target.put("o", "precious") == .ok)
        await target.end()
        await proxy.stop()
        // What the last generation left cannot be moved aside.
        _ = try Directory(opening: "\(disks.path)/t1-mp1").open("$kept", O_WRONLY | O_CREAT)
        let recovered = try FakeProxy(clusterID: clusterID, generation: 2, nonce: 9)
        let other = try #require(Bucket(name: "other"))
        recovered.submit(.createBucket(other, BucketProperties()))
        recovered.submit(.createBucket(bucket, BucketProperties()))
        target = try TestTarget(recovered, disks, mountpaths: 1)
        try await target.ready()
        #expect(try await target.get("o").failure?.code == .mountpathUnavailable)
        #expect(try await target.put("o", "x") != .ok)
        recovered.submit(.destroyBucket(bucket))
        #expect(try await target.get("o").failure?.code == .bucketNotFound)
        await target.end()
        await recovered.stop()
    }

    @Test func `a disk without marks is adopted where its bucket exists`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let bucket = try #require(Bucket(name: "b"))
        let directory = try Directory(opening: try disks.directory("t1-mp1"))
        try directory.makePath("@ais/b/%ob/dir")
        let file = try directory.open("@ais/b/%ob/dir/o", O_WRONLY | O_CREAT)
        let attributes = ObjectAttributes(version: "41", size: 0)
        try ExtendedAttribute.write(
            ObjectAttributes.attributeName, attributes.encoded, to: file, path: "o")
        proxy.submit(.createBucket(bucket, BucketProperties()))
        let target = try TestTarget(proxy, disks, mountpaths: 1)
        try await target.ready()
        let reply = try await target.get("dir/o")
        #expect(reply.status == .ok)
        #expect(reply.headers["version"] == "41")
        #expect(try await target.put("dir/o", "more") == .ok)
        #expect(try await target.get("dir/o").headers["version"] == "42")
        await target.end()
        await proxy.stop()
    }

    private static func workFiles(_ target: TestTarget) -> Int {
        target.daemon.context.store.mountpaths.all.reduce(0) { sum, mountpath in
            var count = 0
            try? mountpath.directory.forEach(in: "@ais/b/%wk") { _, _ in
                count += 1
                return true
            }
            return sum + count
        }
    }
}
