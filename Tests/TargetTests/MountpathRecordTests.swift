import Base
import Cluster
import TestSupport
import Testing

@testable import Target

/// What is remembered of mountpaths.
@Suite struct MountpathRecordTests {
    private var record: MountpathRecord {
        var record = MountpathRecord()
        record.edition = 7
        record.isScattered = true
        record.entries = [
            MountpathRecord.Entry(identity: MountpathIdentity(high: 1, low: 2), path: "/a"),
            MountpathRecord.Entry(
                identity: MountpathIdentity(high: 3, low: 4), path: "/b",
                absence: MountpathRecord.Absence(
                    reason: "asked", isScattered: false, rivals: [5, 6])),
        ]
        return record
    }

    @Test func `the record and the identity are read as written, and no damaged one is`() throws {
        #expect(try MountpathRecord(decoding: record.encoded) == record)
        for place in record.encoded.indices {
            var bytes = record.encoded
            bytes[place] ^= 1
            #expect(throws: DecodingFailure.self) { _ = try MountpathRecord(decoding: bytes) }
        }
        let file = MountpathFile(MountpathIdentity(high: 0xFEED, low: 0xBEEF), edition: 9)
        #expect(try MountpathFile(decoding: file.encoded) == file)
        for place in file.encoded.indices {
            var bytes = file.encoded
            bytes[place] ^= 1
            #expect(throws: DecodingFailure.self) { _ = try MountpathFile(decoding: bytes) }
        }
    }

    @Test func `the edition stands in an object's attributes only when there is one`() throws {
        var attributes = ObjectAttributes(size: 3)
        let plain = attributes.encoded
        attributes.edition = 0x1F
        #expect(attributes.encoded.count == plain.count + 3 + 2 + 2)
        #expect(try ObjectAttributes(decoding: attributes.encoded) == attributes)
        #expect(try ObjectAttributes(decoding: plain).edition == 0)
    }

    @Test func `two mountpaths on one filesystem are refused unless that is allowed`() throws {
        let disk = try TemporaryDirectory()
        let node = try #require(NodeID("t1"))
        let paths = [try disk.directory("mp1"), try disk.directory("mp2")]
        #expect(throws: MountpathError.sameFilesystem(paths[1], paths[0])) {
            _ = try MountpathSet(claiming: paths, for: node, sharesFilesystem: false)
        }
        #expect(throws: Never.self) {
            _ = try MountpathSet(claiming: paths, for: node, sharesFilesystem: true)
        }
    }
}
