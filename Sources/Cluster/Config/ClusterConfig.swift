import Base

/// Cluster-wide settings, replicated like everything else (AIS: config).
package struct ClusterConfig: Equatable, Sendable {
    private static let format: UInt8 = 1

    package internal(set) var version: UInt64 = 1
    /// What a new bucket starts with.
    package internal(set) var bucketDefaults = BucketProperties()

    package init() {}

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("configuration of format \(format)", at: start)
        }
        version = try reader.read(UInt64.self)
        bucketDefaults = try BucketProperties(from: &reader)
    }

    func write(to writer: inout ByteWriter) {
        writer.write(Self.format)
        writer.write(version)
        bucketDefaults.write(to: &writer)
    }
}
