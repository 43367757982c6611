import Base
import Cluster

/// What is known of an object beside its bytes (AIS: LOM), kept in the extended attribute `user.ais.lom` of its file.
///
/// The access time is the file's own, and not in here. See docs/formats/object-layout.md.
struct ObjectAttributes: Equatable, Sendable {
    static let attributeName = "user.ais.lom"

    struct Metadata: Equatable, Sendable {
        var key: String
        var value: String
    }

    /// The word of ``Cluster/ChecksumType``; kept as text, so that a disk of a later writer can be read.
    var checksumType: String
    /// Lower-case hexadecimal; empty without a checksum.
    var checksumValue: String
    /// Decimal; empty when the bucket keeps no versions.
    var version: String
    var size: UInt64
    /// Where further copies lie, as absolute paths.
    var copies: [String] = []
    var custom: [Metadata] = []
    /// The edition of the set of mountpaths in which it was written; 0 while that has never changed.
    var edition: UInt64 = 0

    init(
        checksumType: ChecksumType = .none, checksumValue: String = "", version: String = "",
        size: UInt64
    ) {
        self.checksumType = checksumType.rawValue
        self.checksumValue = checksumValue
        self.version = version
        self.size = size
    }

    var hasChecksum: Bool { !checksumValue.isEmpty }

    /// What tells one content of the object from another: its checksum in quotes, of whatever type, as long as it has 64 bits or
    /// more (RFC 9110 §8.8.3); `nil` for an object without one. Equal bytes have equal tags, whenever they were written.
    var entityTag: String? {
        let isTag =
            checksumValue.utf8.count >= 16
            && checksumValue.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }
        return isTag ? "\"\(checksumValue)\"" : nil
    }
}
