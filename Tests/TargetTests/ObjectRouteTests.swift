import API
import Base
import Cluster
import HTTP
import Testing

@testable import Target

/// PUT, GET, HEAD and DELETE over a real server that follows a real stream.
@Suite struct ObjectRouteTests {
    @Test func `what was put is what is got, with its headers in both spellings`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "hello world 0123456789") == .ok)
            for _ in 0..<3 {
                let reply = try await target.get("o")
                #expect(reply.status == .ok)
                #expect(reply.text == "hello world 0123456789")
                #expect(reply.headers["checksum.type"] == "xxhash")
                #expect(reply.headers["checksum.value"] == "ca76ac1853bee157")
                #expect(reply.headers["ais-checksum-value"] == "ca76ac1853bee157")
                #expect(reply.headers["version"] == "1")
                #expect(reply.headers["size"] == "22")
                #expect(reply.headers["atime"] != nil)
            }
        }
    }

    @Test func `an object that was replaced is never got again`() async throws {
        try await TestTarget.with { target async throws in
            for round in 1...50 {
                #expect(try await target.put("o", "round \(round)") == .ok)
                let reply = try await target.get("o")
                #expect(reply.text == "round \(round)")
                #expect(reply.headers["version"] == "\(round)")
            }
        }
    }

    @Test func `a deleted object is not found, and a second delete says so`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("dir/o", "x") == .ok)
            #expect(try await target.get("dir/o").status == .ok)
            #expect(try await target.ask(.delete, "/v1/objects/b/dir/o").status == .ok)
            #expect(try await target.get("dir/o").failure?.code == .objectNotFound)
            #expect(try await target.ask(.delete, "/v1/objects/b/dir/o").status == .notFound)
        }
    }
}
