import API
import Base
import Cluster
import Glibc
import HTTP
import Testing

@testable import Target

/// A target's part of a listing, over several mountpaths.
@Suite struct ListingRouteTests {
    @Test func `pages over all mountpaths give every object once, in order`() async throws {
        try await TestTarget.with(mountpaths: 3) { target async throws in
            let names = (0..<60).map { "d\($0 % 7)/o\($0)" } + (0..<20).map { "f-\($0)" }
            for name in names { #expect(try await target.put(name, name) == .ok) }
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for size in [1, 7, 80, 1_000] {
                var found: [String] = []
                var token = ""
                repeat {
                    let page = try await Self.list(
                        target, #"{"pagesize":\#(size),"continuation_token":"\#(token)"}"#)
                    found += page.entries.map(\.name)
                    token = page.continuationToken
                } while !token.isEmpty
                #expect(found == sorted)
            }
            let some = try await Self.list(target, #"{"prefix":"d3/","start_after":"d3/o3"}"#)
            #expect(
                some.entries.map(\.name)
                    == sorted.filter { $0.hasPrefix("d3/") && $0 > "d3/o3" })
        }
    }

    @Test func `entries have what was asked for`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "hello world 0123456789") == .ok)
            let body = Array(
                #"{"action":"listobj","value":{"props":"size,checksum,version,copies,target_url"}}"#
                    .utf8)
            let reply = try await target.ask(.post, "/v1/buckets/b", body: body)
            let url = target.daemon.node.address.url
            #expect(
                reply.text.contains(
                    #"{"name":"o","size":"22","checksum":"ca76ac1853bee157","version":"1","#
                        + #""target_url":"\#(url)","copies":1,"flags":64}"#))
        }
    }

    @Test func `a file put there by hand is no object`() async throws {
        try await TestTarget.with(mountpaths: 1) { target async throws in
            #expect(try await target.put("o", "x") == .ok)
            let mountpath = target.daemon.context.store.mountpaths.all[0]
            _ = try mountpath.directory.open("@ais/b/%ob/plain", O_RDWR | O_CREAT)
            #expect(try await target.get("plain").failure?.code == .objectNotFound)
            let page = try await Self.list(target, "{}")
            #expect(page.entries.map(\.name) == ["o"])
        }
    }

    @Test func `an object on the wrong mountpath is shown only when asked for`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "x") == .ok)
            let key = ObjectKey(try #require(Bucket(name: "b")), "o")
            let mountpaths = target.daemon.context.store.mountpaths
            let right = mountpaths.owner(of: key.digest)
            let wrong = try #require(mountpaths.all.first { $0 !== right })
            try wrong.directory.makePath("@ais/b/%ob")
            let file = try wrong.directory.open("@ais/b/%ob/stray", O_RDWR | O_CREAT)
            var name = "stray"
            while mountpaths.owner(of: ObjectKey(key.bucket, name).digest) === wrong { name += "x" }
            try wrong.directory.rename("@ais/b/%ob/stray", to: "@ais/b/%ob/\(name)")
            try ExtendedAttribute.write(
                ObjectAttributes.attributeName, ObjectAttributes(size: 0).encoded, to: file,
                path: name)
            #expect(try await Self.list(target, "{}").entries.map(\.name) == ["o"])
            let all = try await Self.list(target, #"{"flags":"2"}"#)
            #expect(all.entries.map(\.name) == ["o", name])
        }
    }

    @Test func `an empty bucket lists as null`() async throws {
        try await TestTarget.with { target async throws in
            let body = Array(#"{"action":"listobj"}"#.utf8)
            let reply = try await target.ask(.post, "/v1/buckets/b", body: body)
            #expect(reply.text == #"{"uuid":"","entries":null,"continuation_token":""}"# + "\n")
        }
    }

    private static func list(_ target: TestTarget, _ value: String) async throws -> ListPage {
        let body = Array(#"{"action":"listobj","value":\#(value)}"#.utf8)
        let reply = try await target.ask(.post, "/v1/buckets/b", body: body)
        #expect(reply.status == .ok, "\(reply.text)")
        return try ListPage(decoding: reply.body)
    }
}
