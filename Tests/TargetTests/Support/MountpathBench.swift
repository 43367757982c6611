import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Target

/// A target with the bucket `b`, and what changes its mountpaths.
struct MountpathBench {
    let target: TestTarget
    let disks: TemporaryDirectory

    func path(_ number: Int) -> String { "\(disks.path)/t1-mp\(number)" }

    @discardableResult
    func change(
        _ action: String, _ path: String, _ method: HTTP.Method = .post, query: String = ""
    ) async throws -> TestTarget.Reply {
        try await target.ask(
            method, "/v1/daemon/mountpaths\(query)", at: nil,
            body: Array(#"{"action":"\#(action)","value":"\#(path)"}"#.utf8))
    }

    func list() async throws -> TestTarget.Reply {
        try await target.ask(
            .post, "/v1/buckets/b", body: Array(#"{"action":"listobj"}"#.utf8))
    }

    /// Where an object belongs when all three mountpaths take part.
    func home(_ name: String, among count: Int) throws -> Int {
        let digest = ObjectKey(try #require(Bucket(name: "b")), name).digest
        let weights = (1...count).map {
            Placement.weight(Placement.digest(path($0)), digest)
        }
        return 1 + (weights.indices.max { weights[$0] < weights[$1] } ?? 0)
    }

    static func with(
        mountpaths: Int = 2, _ body: (MountpathBench) async throws -> Void
    ) async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), BucketProperties()))
        let target = try TestTarget(proxy, disks, mountpaths: mountpaths)
        do {
            try await target.ready()
            try await body(MountpathBench(target: target, disks: disks))
        } catch {
            await target.end()
            await proxy.stop()
            throw error
        }
        await target.end()
        await proxy.stop()
    }

    /// Disables and enables one mountpath after another; what did not work.
    func flip() async throws -> [String] {
        var failed: [String] = []
        for round in 1...12 {
            let path = path(round % 3 + 1)
            for action in ["disable", "enable"] {
                let reply = try await change(action, path)
                if reply.status != .ok { failed.append("\(action) \(path): \(reply.text)") }
            }
        }
        return failed
    }
}
