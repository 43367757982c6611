import API
import Base
import Cluster
import Foundation
import HTTP
import TestSupport
import Testing

@testable import Target

/// Buckets whose objects are compared with their checksum at every GET (`checksum.validate_warm_get`, contract §4.2).
@Suite struct WarmGetValidationTests {
    private static func properties(_ isOn: Bool) -> BucketProperties {
        var properties = BucketProperties()
        properties.checksum.validateWarmGet = isOn
        return properties
    }

    private static func damage(_ name: String, _ target: TestTarget) throws {
        let path = try #require(
            target.daemon.context.store.mountpaths.all.map { "\($0.path)/@ais/b/%ob/\(name)" }
                .first { FileManager.default.fileExists(atPath: $0) })
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: 5)
        try file.write(contentsOf: Data("!".utf8))
        try file.close()
    }

    @Test(arguments: [16, 700_000])
    func `what does not match its checksum is not sent, and stays`(count: Int) async throws {
        try await TestTarget.with(properties: Self.properties(true)) { target in
            let text = String(repeating: "seven b", count: count / 7 + 1)
            #expect(try await target.put("good", text) == .ok)
            #expect(try await target.put("bad", text) == .ok)
            for _ in 1...2 {
                #expect(try await target.get("good").text == text)
                #expect(try await target.get("bad").text == text)
            }
            try Self.damage("bad", target)
            for headers in [[], [("Range", "bytes=0-2")]] {
                let refused = try await target.ask(
                    .get, "/v1/objects/b/bad", headers: headers)
                #expect(refused.status.rawValue == 500, "\(refused.status)")
                #expect(refused.failure?.code == .checksumMismatch)
                #expect(refused.text.contains("BAD DATA CHECKSUM"), "\(refused.text.prefix(300))")
            }
            #expect(try await target.get("good").text == text)
            // It may be saved yet, and it can be written anew.
            #expect(try await target.ask(.head, "/v1/objects/b/bad").status == .ok)
            let metrics = try ParsedMetrics(
                try await target.ask(.get, "/metrics", at: nil).text)
            #expect(metrics.value("ais_target_err_cksum_n_total") == 2)
            #expect(
                metrics.value("ais_target_err_cksum_size_bytes_total")
                    == Double(2 * text.utf8.count))
            // An upload whose bytes are not what its client says counts as well, with the bytes that came.
            let upload = try await target.ask(
                .put, "/v1/objects/b/new",
                headers: [
                    ("checksum.type", "xxhash"), ("checksum.value", "00000000000000ff"),
                ], body: Array("seven b".utf8))
            #expect(upload.failure?.code == .checksumMismatch, "\(upload.text)")
            let later = try ParsedMetrics(
                try await target.ask(.get, "/metrics", at: nil).text)
            #expect(later.value("ais_target_err_cksum_n_total") == 3)
            #expect(
                later.value("ais_target_err_cksum_size_bytes_total")
                    == Double(2 * text.utf8.count + 7))
            #expect(later.value("ais_target_err_md_n_total") == 0)
            #expect(
                metrics.value(
                    "martlet_failures_total", ["code": "checksum_mismatch", "status": "500"]) == 2)
            #expect(try await target.put("bad", text) == .ok)
            #expect(try await target.get("bad").text == text)
        }
    }

    @Test func `a bucket that does not ask for it is served as it is`() async throws {
        try await TestTarget.with(properties: Self.properties(false)) { target in
            #expect(try await target.put("bad", "seven bytes") == .ok)
            try Self.damage("bad", target)
            #expect(try await target.get("bad").text == "seven!bytes")
        }
    }
}
