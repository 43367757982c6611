import API
import Base
import Cluster
import Glibc
import HTTP
import Testing

@testable import Target

/// GET and HEAD in their details, and readers beside writers.
@Suite struct ObjectReadingTests {
    struct Row: Sendable {
        var range: String
        var status: Int
        var text: String?
        var contentRange: String?
    }

    @Test func `ranges are cut to the object, and refused when nothing is left`() async throws {
        let rows = [
            Row(range: "bytes=0-3", status: 206, text: "0123", contentRange: "bytes 0-3/10"),
            Row(range: "bytes=7-99", status: 206, text: "789", contentRange: "bytes 7-9/10"),
            Row(range: "bytes=8-", status: 206, text: "89", contentRange: "bytes 8-9/10"),
            Row(range: "bytes=-3", status: 206, text: "789", contentRange: "bytes 7-9/10"),
            Row(range: "bytes=10-", status: 416, contentRange: "bytes */10"),
            Row(range: "bytes=0-1,4-5", status: 416, contentRange: "bytes */10"),
            Row(range: "bytes=x", status: 416, contentRange: "bytes */10"),
            Row(range: "lines=1-2", status: 200, text: "0123456789"),
        ]
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "0123456789") == .ok)
            // Once cold, once from the cache.
            for row in rows + rows {
                let reply = try await target.ask(
                    .get, "/v1/objects/b/o", headers: [("Range", row.range)])
                #expect(reply.status.rawValue == row.status, "\(row.range)")
                #expect(reply.headers["content-range"] == row.contentRange, "\(row.range)")
                if let text = row.text { #expect(reply.text == text) }
            }
        }
    }

    @Test func `HEAD tells all, and check_cached only whether`() async throws {
        try await TestTarget.with { target async throws in
            let put = try await target.ask(
                .put, "/v1/objects/b/d%20/%C3%A9%3F",
                headers: [("custom_md", "k=v=w"), ("custom_md", "x=y")],
                body: Array("0123456789".utf8))
            #expect(put.status == .ok)
            let head = try await target.ask(.head, "/v1/objects/b/d%20/%C3%A9%3F")
            #expect(head.status == .ok)
            #expect(head.headers["content-length"] == "10")
            #expect(head.headers["name"] == "d /é?")
            #expect(head.headers["bucket.name"] == "b")
            #expect(head.headers["ais-bucket-provider"] == "ais")
            #expect(head.headers["copies"] == "1")
            #expect(head.headers["present"] == "true")
            #expect(head.headers.all("custom_md") == ["k=v=w", "x=y"])
            let cached = try await target.ask(
                .head, "/v1/objects/b/d%20/%C3%A9%3F?check_cached=true")
            #expect(cached.status == .ok)
            #expect(cached.headers["version"] == nil)
            let absent = try await target.ask(.head, "/v1/objects/b/none?check_cached=true")
            #expect(absent.status == .notFound)
        }
    }

    @Test(arguments: [0, 1, 16_384, 16_385, 262_144, 262_145, 1_000_000])
    func `every size comes back as it was sent`(_ size: Int) async throws {
        try await TestTarget.with { target async throws in
            let body = Self.pattern(size, seed: 1)
            #expect(try await target.ask(.put, "/v1/objects/b/o", body: body).status == .ok)
            for _ in 0..<2 {
                let reply = try await target.get("o")
                #expect(reply.body == body)
                #expect(reply.headers["checksum.value"] == Hex.padded(XXH64.digest(body)))
            }
        }
    }

    @Test func `a body in chunks, asked for with 100 Continue, is stored`() async throws {
        try await TestTarget.with { target async throws in
            let endpoint = Endpoint(host: "127.0.0.1", port: Int(target.daemon.node.address.port))
            let call = try await target.client.open(
                .put, endpoint, "/v1/objects/b/o?pid=p1&utm=1",
                headers: [("Expect", "100-continue")])
            let body = Self.pattern(700_000, seed: 3)
            for start in stride(from: 0, to: body.count, by: 100_000) {
                try await call.write(Array(body[start..<start + 100_000]))
            }
            try await call.finish()
            let response = try await call.response()
            #expect(response.status == .ok)
            _ = try await response.collect(upTo: 1 << 10)
            #expect(try await target.get("o").body == body)
        }
    }

    /// Each version is one letter: a reader that saw two would show it.
    @Test func `a reader sees one version, whole, and never an older one than was acknowledged`()
        async throws
    {
        try await TestTarget.with { target async throws in
            let size = 200_000
            let path = "/v1/objects/b/o"
            _ = try await target.ask(.put, path, body: [UInt8](repeating: 1, count: size))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { () async throws in
                    for version in 2...40 {
                        let body = [UInt8](repeating: UInt8(version), count: size)
                        let reply = try await target.ask(.put, path, body: body)
                        #expect(reply.status == .ok)
                        let read = try await target.get("o")
                        #expect(read.body == body)
                    }
                }
                for _ in 0..<4 {
                    tasks.addTask { () async throws in
                        var last: UInt8 = 0
                        for _ in 0..<60 {
                            let body = try await target.get("o").body
                            let first = try #require(body.first)
                            #expect(body.count == size && body.allSatisfy { $0 == first })
                            #expect(first >= last)
                            last = first
                        }
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    @Test func `writers of one name each get a version of their own`() async throws {
        try await TestTarget.with { target async throws in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for writer in 0..<8 {
                    tasks.addTask { () async throws in
                        for round in 0..<10 {
                            #expect(try await target.put("o", "\(writer) \(round)") == .ok)
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(try await target.get("o").headers["version"] == "80")
        }
    }

    @Test func `a GET moves the access time, and tells the one before`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "x") == .ok)
            let first = try await target.get("o").headers.integer("atime") ?? 0
            let second = try await target.get("o").headers.integer("atime") ?? 0
            let third = try await target.get("o").headers.integer("atime") ?? 0
            #expect(first > 0 && second > first && third > second)
            let context = target.daemon.context
            context.store.tidy(context.publisher.current.state, lag: 0)
            let key = ObjectKey(try #require(Bucket(name: "b")), "o")
            let mountpath = try #require(context.store.mountpaths.owner(of: key.digest))
            let status = try mountpath.directory.status(BucketLayout.object(key))
            #expect(OpenObject.nanoseconds(status.st_atim) > UInt64(third))
        }
    }

    private static func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}
