import API
import Base
import Cluster
import HTTP
import Testing

@testable import Target

/// GET and HEAD of an object that depend on its entity tag (RFC 9110 §13).
@Suite struct ConditionalReadTests {
    private static let path = "/v1/objects/b/o"
    private static let text = "0123456789"

    private struct Row {
        let headers: [(String, String)]
        let status: Int
        /// Of a GET.
        let text: String

        init(_ headers: [(String, String)], _ status: Int, _ text: String = "") {
            (self.headers, self.status, self.text) = (headers, status, text)
        }
    }

    @Test func `a read depends on the tag that the object has, warm or cold`() async throws {
        try await TestTarget.with { target async throws in
            #expect(try await target.put("o", Self.text) == .ok)
            let tag = "\"\(Hex.padded(XXH64.digest(Array(Self.text.utf8))))\""
            let other = "\"0123456789abcdef\""
            let rows = [
                Row([], 200, Self.text),
                Row([("If-None-Match", tag)], 304),
                Row([("if-none-match", "W/\(tag)")], 304),
                Row([("If-None-Match", "\(other) , ,\(tag)")], 304),
                Row([("If-None-Match", other), ("If-None-Match", tag)], 304),
                Row([("If-None-Match", "*")], 304),
                Row([("If-None-Match", other)], 200, Self.text),
                Row([("If-None-Match", tag), ("Range", "bytes=0-3")], 304),
                Row([("If-Match", tag)], 200, Self.text),
                Row([("If-Match", "\(other),\(tag)")], 200, Self.text),
                Row([("If-Match", "*")], 200, Self.text),
                Row([("If-Match", tag), ("Range", "bytes=0-3")], 206, "0123"),
                Row([("If-Match", other)], 412),
                // A weak one says that the bytes may differ (§8.8.3.2).
                Row([("If-Match", "W/\(tag)")], 412),
                Row([("If-Match", other), ("If-None-Match", tag)], 412),
                Row([("If-Match", tag), ("If-None-Match", tag)], 304),
                Row([("If-Match", tag.replacing("\"", with: ""))], 400),
                Row([("If-None-Match", "\(tag) \(other)")], 400),
                Row([("If-None-Match", "*,\(tag)")], 400), Row([("If-Match", "")], 400),
                Row([("If-None-Match", "\"open")], 400),
                Row([("Range", "bytes=0-3"), ("If-Range", tag)], 206, "0123"),
                Row([("Range", "bytes=0-3"), ("If-Range", other)], 200, Self.text),
                Row([("Range", "bytes=0-3"), ("If-Range", "W/\(tag)")], 200, Self.text),
                Row(
                    [("Range", "bytes=0-3"), ("If-Range", "Sat, 29 Oct 1994 19:43:31 GMT")], 200,
                    Self.text),
                // Without a date of its own, an object meets no condition about one.
                Row([("If-Modified-Since", "Sat, 29 Oct 2044 19:43:31 GMT")], 200, Self.text),
            ]
            for round in 1...2 {
                for row in rows {
                    let get = try await target.ask(.get, Self.path, headers: row.headers)
                    let name = "\(round): \(row.headers)"
                    #expect(get.status.rawValue == row.status, "\(name): \(get.text)")
                    if [200, 206, 304].contains(row.status) {
                        #expect(get.text == row.text, "\(name)")
                        #expect(get.headers["etag"] == tag, "\(name)")
                    } else {
                        #expect(
                            get.failure?.code
                                == (row.status == 412 ? .preconditionFailed : .badHeader))
                    }
                    let head = try await target.ask(.head, Self.path, headers: row.headers)
                    // HEAD knows no ranges.
                    let whole = row.status == 206 ? 200 : row.status
                    #expect(head.status.rawValue == whole, "\(name)")
                }
            }
            // Other bytes have another tag; the same ones have theirs again.
            #expect(try await target.put("o", "9876543210") == .ok)
            let changed = try await target.ask(
                .get, Self.path, headers: [("If-None-Match", tag)])
            #expect(changed.status == .ok && changed.text == "9876543210")
            #expect(
                try await target.ask(.get, Self.path, headers: [("If-Match", tag)]).failure?.code
                    == .preconditionFailed)
            #expect(try await target.put("o", Self.text) == .ok)
            #expect(
                try await target.ask(.get, Self.path, headers: [("If-None-Match", tag)]).status
                    == .notModified)
        }
    }

    @Test func `what is not there is not there, whatever it depends on`() async throws {
        try await TestTarget.with { target async throws in
            for headers in [[("If-Match", "*")], [("If-None-Match", "*")]] {
                let reply = try await target.ask(.get, "/v1/objects/b/none", headers: headers)
                #expect(reply.failure?.code == .objectNotFound, "\(reply.text)")
            }
        }
    }

    @Test func `an object without a checksum has no tag, and is there all the same`() async throws {
        var properties = BucketProperties()
        properties.checksum.type = .none
        try await TestTarget.with(properties: properties) { target async throws in
            #expect(try await target.put("o", Self.text) == .ok)
            let tag = "\"0123456789abcdef\""
            for (name, value, status) in [
                ("If-Match", tag, 412), ("If-Match", "*", 200), ("If-None-Match", tag, 200),
                ("If-None-Match", "*", 304),
            ] {
                let reply = try await target.ask(.get, Self.path, headers: [(name, value)])
                #expect(reply.status.rawValue == status, "\(name) \(value)")
                #expect(reply.headers["etag"] == nil)
            }
        }
    }
}
