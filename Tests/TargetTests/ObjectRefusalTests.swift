import API
import Base
import Cluster
import Glibc
import HTTP
import TestSupport
import Testing

@testable import Target

/// What a target answers to requests that cannot be carried out: code, status, and what helps.
@Suite struct ObjectRefusalTests {
    @Test func `an object is only served to those whom a proxy sent`() async throws {
        try await TestTarget.with { target async throws in
            for method in [HTTP.Method.get, .put, .delete] {
                let reply = try await target.ask(method, "/v1/objects/b/o", at: nil)
                #expect(reply.status == .badRequest)
                #expect(reply.failure?.code == .notRedirected)
                #expect(reply.failure?.node == "t1")
            }
            let head = try await target.ask(.head, "/v1/objects/b/o", at: nil)
            #expect(head.status == .badRequest)
            let inside = try await target.ask(
                .get, "/v1/objects/b/o", at: nil, headers: [("caller.id", "t2")])
            #expect(inside.failure?.code == .objectNotFound)
        }
    }

    struct Row: Sendable {
        var method: HTTP.Method
        var path: String
        var headers: [(String, String)] = []
        var body = ""
        var code: FailureCode
    }

    @Test func `every mistake has its code`() async throws {
        let rows = [
            Row(method: .get, path: "/v1/objects/none/o", code: .bucketNotFound),
            Row(method: .get, path: "/v1/objects/b/none", code: .objectNotFound),
            Row(method: .get, path: "/v1/objects/b/../x", code: .badObjectName),
            Row(method: .get, path: "/v1/objects/b/x//y", code: .badObjectName),
            Row(method: .get, path: "/v1/objects/b", code: .badPath),
            Row(method: .get, path: "/v1/objects/b/o?provider=zz", code: .badProvider),
            Row(method: .get, path: "/v1/objects/b/o?at=zz", code: .badPosition),
            Row(method: .patch, path: "/v1/objects/b/o", code: .methodNotAllowed),
            Row(
                method: .put, path: "/v1/objects/b/o",
                headers: [("checksum.type", "rot13"), ("checksum.value", "00")], code: .badHeader),
            Row(
                method: .put, path: "/v1/objects/b/o",
                headers: [("checksum.type", "xxhash"), ("checksum.value", "12")], code: .badHeader),
            Row(
                method: .put, path: "/v1/objects/b/o",
                headers: [("checksum.type", "md5"), ("checksum.value", "00")],
                code: .notImplemented),
            Row(
                method: .put, path: "/v1/objects/b/o",
                headers: [("custom_md", "novalue")], code: .badHeader),
            Row(
                method: .put, path: "/v1/objects/b/o",
                headers: [("custom_md", "k=" + String(repeating: "v", count: 5_000))],
                code: .badHeader),
            Row(method: .put, path: "/v1/objects/b/o?appendty=append", code: .notImplemented),
            Row(
                method: .post, path: "/v1/objects/b/o", body: #"{"action":"rename","name":"p"}"#,
                code: .notImplemented),
            Row(method: .post, path: "/v1/objects/b/o", body: "{", code: .badJSON),
            Row(method: .get, path: "/v1/cluster?what=smap", code: .unknownResource),
            Row(method: .get, path: "/v1/nothing", code: .unknownResource),
            Row(method: .get, path: "/v1/download", code: .notImplemented),
            Row(method: .get, path: "/v1/daemon?what=raft", code: .unknownDocument),
            Row(method: .get, path: "/v1/daemon?what=nonsense", code: .unknownDocument),
            Row(method: .get, path: "/v1/buckets/b", code: .badPath),
            Row(method: .head, path: "/v1/buckets/none", code: .bucketNotFound),
            Row(
                method: .post, path: "/v1/buckets/b", body: #"{"action":"createlb"}"#,
                code: .unknownAction),
            Row(
                method: .post, path: "/v1/buckets/b",
                body: #"{"action":"listobj","value":{"nonsense":1}}"#, code: .badValue),
        ]
        try await TestTarget.with { target async throws in
            for row in rows {
                // Others than these come from clients, and have no marks of a redirect.
                let isRedirected =
                    row.path.hasPrefix("/v1/objects") || row.method == .post
                let at: TestTarget.At? =
                    row.path.contains("at=") ? .nothing : isRedirected ? .now : nil
                let reply = try await target.ask(
                    row.method, row.path, at: at, headers: row.headers, body: Array(row.body.utf8))
                #expect(reply.status.rawValue == row.code.status, "\(row.path)")
                guard row.method != .head else { continue }
                #expect(reply.failure?.code == row.code, "\(row.path): \(reply.text)")
                #expect(reply.failure?.mapVersion != nil)
            }
        }
    }

    @Test func `every route of the table reaches a handler`() async throws {
        try await TestTarget.with { target async throws in
            for route in Route.all where route.roles.contains(.target) {
                for (method, path) in route.methods.flatMap({ method in
                    route.paths.map { (method, $0) }
                }) {
                    let filled = path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }
                    let at: TestTarget.At? = route.effect == .data ? .now : nil
                    let plain = "/\(filled.joined(separator: "/"))"
                    let reply = try await target.ask(method, "\(plain)?dry_run=true", at: at)
                    #expect(!reply.text.contains("the table sends"), "\(method.name) \(path)")
                    // What it does not know it does not pass over either.
                    let what = route.name == .daemon ? "what=smap&" : ""
                    let other = try await target.ask(method, "\(plain)?\(what)nonsense=1", at: at)
                    #expect(other.status == .badRequest, "\(method.name) \(path): \(other.text)")
                    guard method != .head else { continue }
                    let isOption = route.parameters.contains { $0.name == "options" }
                    let codes: [FailureCode] =
                        isOption ? [.unknownOption, .badQuery] : [.unknownParameter]
                    #expect(
                        other.failure.map { codes.contains($0.code) } == true
                            && other.text.contains("nonsense"),
                        "\(method.name) \(path): \(other.text)")
                }
            }
            #expect(try await target.ask(.get, "/v1/daemon?what=remote", at: nil).text == "{}\n")
            let info = try await target.ask(.get, "/v1/health?cii=true", at: nil).text
            #expect(info.contains(#""Primary":{"pub_url":"http://127.0.0.1:"#), "\(info)")
        }
    }

    @Test func `bytes that differ from their checksum are not stored`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "old") == .ok)
            let reply = try await target.ask(
                .put, "/v1/objects/b/o",
                headers: [("checksum.type", "xxhash"), ("checksum.value", "0000000000000001")],
                body: Array("new".utf8))
            #expect(reply.status == .internalServerError)
            #expect(reply.failure?.code == .checksumMismatch)
            #expect(try await target.get("o").text == "old")
        }
    }

    @Test func `the same bytes again are not a new version`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "hello world 0123456789") == .ok)
            let headers = [
                ("Ais-Checksum-Type", "xxhash"), ("Ais-Checksum-Value", "CA76AC1853BEE157"),
            ]
            let body = Array("hello world 0123456789".utf8)
            let path = "/v1/objects/b/o"
            let reply = try await target.ask(.put, path, headers: headers, body: body)
            #expect(reply.status == .ok)
            #expect(try await target.get("o").headers["version"] == "1")
        }
    }

    @Test func `an object is no directory of others, nor the other way round`() async throws {
        try await TestTarget.with(mountpaths: 1) { target async throws in
            #expect(try await target.put("a", "x") == .ok)
            let below = try await target.ask(.put, "/v1/objects/b/a/b", body: [1])
            #expect(below.failure?.code == .badObjectName)
            #expect(try await target.put("c/d", "x") == .ok)
            let above = try await target.ask(.put, "/v1/objects/b/c", body: [1])
            #expect(above.failure?.code == .badObjectName)
            #expect(try await target.get("c").failure?.code == .objectNotFound)
            #expect(try await target.get("a").text == "x")
        }
    }

    @Test func `evicting from a bucket without a backend keeps the object`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", "x") == .ok)
            let body = Array(#"{"action":"evictobj"}"#.utf8)
            let reply = try await target.ask(.delete, "/v1/objects/b/o", body: body)
            #expect(reply.status == .badRequest)
            #expect(try await target.get("o").status == .ok)
        }
    }

    @Test func `access bits are obeyed, also for an object that is kept open`() async throws {
        try await TestTarget.with { target async throws in
            var properties = BucketProperties()
            properties.access = AccessMask.all.subtracting([.get, .put, .deleteObject, .headObject])
            let closed = try #require(Bucket(name: "closed"))
            target.proxy.submit(.createBucket(closed, properties))
            for method in [HTTP.Method.get, .put, .delete] {
                let reply = try await target.ask(method, "/v1/objects/closed/o")
                #expect(reply.failure?.code == .accessDenied)
            }
            #expect(try await target.ask(.head, "/v1/objects/closed/o").status == .forbidden)
        }
    }

    @Test func `a damaged attribute and a cut file are failures, never wrong bytes`() async throws {
        try await TestTarget.with(mountpaths: 1) { target async throws in
            let mountpath = target.daemon.context.store.mountpaths.all[0]
            for (name, size) in [("damaged", 5), ("cut", 4)] {
                #expect(try await target.put("first", "x") == .ok)
                let work = try mountpath.directory.open("@ais/b/%ob/\(name)", O_RDWR | O_CREAT)
                var attributes = ObjectAttributes(size: 5).encoded
                if name == "damaged" { attributes[12] ^= 1 }
                try ExtendedAttribute.write(
                    ObjectAttributes.attributeName, attributes, to: work, path: name)
                let bytes = [UInt8](repeating: 1, count: size)
                #expect(write(work.number, bytes, size) == size)
                let reply = try await target.get(name)
                #expect(reply.status == .internalServerError)
                #expect(reply.failure?.code == .inputOutput)
            }
            // The disk has done what it was asked; what is damaged is the object.
            let metrics = try ParsedMetrics(
                try await target.ask(.get, "/metrics", at: nil).text)
            #expect(metrics.value("ais_target_err_md_n_total") == 2)
            #expect(metrics.value("ais_target_err_io_n_total") == 0)
        }
    }
}
