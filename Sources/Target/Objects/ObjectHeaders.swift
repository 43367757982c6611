import API
import Cluster
import HTTP

/// The headers of an object (contract §4.2, §4.4), in both of AIStore's spellings.
enum ObjectHeaders {
    /// What does not change while the object does not: size, checksum, version, custom metadata; whole lines.
    static func rendered(_ attributes: ObjectAttributes) -> [UInt8] {
        var lines: [UInt8] = []
        lines.reserveCapacity(384)
        append("Content-Type", "application/octet-stream", to: &lines)
        append("Accept-Ranges", "bytes", to: &lines)
        append(.size, String(attributes.size), to: &lines)
        if attributes.hasChecksum {
            append(.checksumType, attributes.checksumType, to: &lines)
            append(.checksumValue, attributes.checksumValue, to: &lines)
        }
        if let tag = attributes.entityTag { append(HeaderName.entityTag, tag, to: &lines) }
        if !attributes.version.isEmpty { append(.version, attributes.version, to: &lines) }
        for item in attributes.custom {
            append(.customMetadata, "\(item.key)=\(item.value)", to: &lines)
        }
        return lines
    }

    /// What HEAD adds about the object's place.
    static func add(place key: ObjectKey, copies: Int, to writer: inout HeaderWriter) {
        add(.name, key.name, to: &writer)
        add(.bucketName, key.bucket.name, to: &writer)
        add(.bucketProvider, key.bucket.provider.rawValue, to: &writer)
        if !key.bucket.namespace.isGlobal {
            add(.namespaceUUID, key.bucket.namespace.uuid, to: &writer)
            add(.namespaceName, key.bucket.namespace.name, to: &writer)
        }
        add(.copies, String(copies), to: &writer)
        add(.isPresent, "true", to: &writer)
    }

    /// The access time before this request.
    @inline(__always)
    static func add(accessTime: UInt64, to writer: inout HeaderWriter) {
        guard accessTime > 0 else { return }
        writer.add("atime", Int(clamping: accessTime))
        writer.add("Ais-Atime", Int(clamping: accessTime))
    }

    private static func add(
        _ name: HeaderName.Object, _ value: String, to writer: inout HeaderWriter
    ) {
        writer.add(named: name.dotted, value)
        if name.dashed.lowercased() != name.dotted { writer.add(named: name.dashed, value) }
    }

    private static func append(_ name: HeaderName.Object, _ value: String, to lines: inout [UInt8])
    {
        append(name.dotted, value, to: &lines)
        append(name.dashed, value, to: &lines)
    }

    /// A value cannot break out of its line: control characters become blanks.
    private static func append(_ name: String, _ value: String, to lines: inout [UInt8]) {
        lines.append(contentsOf: name.utf8)
        lines.append(contentsOf: ": ".utf8)
        lines.append(contentsOf: value.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 })
        lines.append(contentsOf: "\r\n".utf8)
    }
}
