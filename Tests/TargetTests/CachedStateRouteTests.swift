import API
import Base
import Cluster
import Foundation
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Target

/// What a target tells and gives of the state that it has cached, and who may say whom it follows.
@Suite struct CachedStateRouteTests {
    private func document(_ target: TestTarget) async throws -> CachedStateDocument {
        let reply = try await target.ask(.get, "/v1/daemon?what=cached_state", at: nil)
        #expect(reply.status == .ok)
        return try CachedStateDocument(decoding: reply.body)
    }

    @Test func `what was acknowledged is told at once, and can be had`() async throws {
        try await TestTarget.with { target async throws in
            for number in 1...20 {
                let bucket = try #require(Bucket(name: "n\(number)"))
                target.proxy.submit(.createBucket(bucket, BucketProperties()))
                try await target.proxy.acknowledged(by: "t1")
                let told = try await document(target)
                #expect(told.end?.position == target.proxy.state.position)
                #expect(told.end?.hash == target.proxy.state.hash)
            }
            let told = try await document(target)
            #expect(told.node == "t1" && told.cluster == "test-cluster" && told.problem == nil)
            #expect(told.following == "\(target.proxy.endpoint)")
            let file = try await target.ask(.get, "/v1/daemon?what=cached_state_file", at: nil)
            #expect(file.status == .ok)
            #expect(file.headers["content-type"] == "application/octet-stream")
            #expect(try CachedState(decoding: file.body).state == target.proxy.state)
        }
    }

    /// The state on disk has no authority: after a restart nothing is known until a proxy has said it.
    @Test func `a target whose proxies are gone keeps the file, and serves nothing from it`()
        async throws
    {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        let first = try TestTarget(proxy, disks)
        try await first.ready()
        let state = proxy.state
        await first.end()
        await proxy.stop()
        let next = try TestTarget(proxy, disks)
        let told = try await document(next)
        #expect(told.end?.position == state.position && told.following.isEmpty)
        let smap = try await next.ask(.get, "/v1/daemon?what=smap", at: nil)
        #expect(smap.failure?.code == .starting)
        await next.end()
    }

    @Test func `a damaged file does not keep a target from starting, and is kept`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let first = try TestTarget(proxy, disks)
        try await first.ready()
        await first.end()
        let path = "\(disks.path)/t1-data/cached-state"
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        bytes[50] ^= 1
        try Data(bytes).write(to: URL(filePath: path))
        let next = try TestTarget(proxy, disks)
        try await next.ready()
        #expect(try await document(next).end?.position == proxy.state.position)
        #expect([UInt8](try Data(contentsOf: URL(filePath: "\(path).damaged"))) == bytes)
        await next.end()
        await proxy.stop()
    }

    @Test func `a file that somebody removes is made again`() async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        let target = try TestTarget(proxy, disks)
        try await target.ready()
        let path = "\(disks.path)/t1-data/cached-state"
        try FileManager.default.removeItem(atPath: path)
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        try await eventually("the file is there, with what came") {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            return try CachedState(decoding: bytes).state == proxy.state
        }
        await target.end()
        await proxy.stop()
    }

    /// A founder may be where no proxy has been.
    @Test func `a proxy of a later generation that says so is followed, one of an earlier is not`()
        async throws
    {
        try await TestTarget.with { target async throws in
            let founder = try FakeProxy(generation: 2, nonce: 3)
            let old = try FakeProxy()
            func hint(_ proxy: FakeProxy, _ position: LogPosition) async throws -> TestTarget.Reply
            {
                try await target.ask(
                    .put, "/v1/daemon/follow?can=\(proxy.endpoint)&after=\(position.text)", at: nil)
            }
            // One of its own generation is not needed while another is followed.
            #expect(try await hint(old, old.state.position).status == .ok)
            #expect(try await document(target).following == "\(target.proxy.endpoint)")
            #expect(try await hint(founder, founder.state.position).status == .ok)
            let begun = ContinuousClock.now
            try await founder.acknowledged(by: "t1")
            #expect(ContinuousClock.now - begun < .seconds(3))
            try await eventually("it has cached what it follows") {
                try await document(target).end?.position == founder.state.position
            }
            let late = try await hint(old, old.state.position)
            #expect(late.failure?.code == .olderGeneration)
            for wrong in ["can=ftp://x&after=2-3-1-1", "can=\(founder.endpoint)", "after=2-3-1-1"] {
                let reply = try await target.ask(.put, "/v1/daemon/follow?\(wrong)", at: nil)
                #expect(reply.status.rawValue == 400, "\(wrong)")
            }
            await founder.stop()
            await old.stop()
        }
    }

    /// Another cluster's founder gets nothing by it.
    @Test func `a proxy of another cluster is left again`() async throws {
        try await TestTarget.with { target async throws in
            let other = try FakeProxy(clusterID: "other", generation: 2, nonce: 3)
            let position = other.state.position.text
            let hint = try await target.ask(
                .put, "/v1/daemon/follow?can=\(other.endpoint)&after=\(position)", at: nil)
            #expect(hint.status == .ok)
            try await eventually("it was tried") { other.log.withLock { $0.follows } > 0 }
            target.proxy.submit(.createBucket(try #require(Bucket(name: "c")), .init()))
            try await target.proxy.acknowledged(by: "t1")
            #expect(other.log.withLock { $0.acknowledgements } == 0)
            await other.stop()
        }
    }
}
