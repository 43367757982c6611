public import Base

/// The identity of a bucket: provider, namespace, name (AIS: bck).
public struct Bucket: Hashable, Sendable, CustomStringConvertible {
    public let name: String
    public let provider: Provider
    public let namespace: Namespace

    /// - Returns: `nil` when ``BucketName/problem(_:)`` has something to say about the name.
    public init?(name: String, provider: Provider = .ais, namespace: Namespace = .global) {
        guard BucketName.problem(name) == nil else { return nil }
        self.name = name
        self.provider = provider
        self.namespace = namespace
    }

    /// As people write it: `ais://@uuid#ns/name`, without the parts that are empty.
    public var description: String {
        "\(provider.rawValue)://" + (namespace.isGlobal ? "" : namespace.text + "/") + name
    }

    /// What every key of the bucket's objects begins with: `ais/@#/abc/`.
    public var keyPrefix: String { "\(provider.rawValue)/\(namespace.text)/\(name)/" }

    /// The digest of an object's key, `keyPrefix` + name, without building the text.
    public func digest(object name: UnsafeRawBufferPointer) -> UInt64 {
        var hash = XXH64(seed: XXH64.placementSeed)
        hash.update(keyPrefix)
        hash.update(name)
        return hash.finish()
    }

    public func digest(object name: String) -> UInt64 {
        var name = name
        return name.withUTF8 { digest(object: UnsafeRawBufferPointer($0)) }
    }
}

extension Bucket: Comparable {
    public static func < (left: Bucket, right: Bucket) -> Bool {
        if left.provider != right.provider { return left.provider < right.provider }
        if left.namespace != right.namespace { return left.namespace < right.namespace }
        return left.name < right.name
    }
}

extension Bucket {
    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        guard let provider = Provider(rawValue: try reader.readString(limit: 16)),
            let namespace = Namespace(
                uuid: try reader.readString(limit: BucketName.bytesMax),
                name: try reader.readString(limit: BucketName.bytesMax)),
            let bucket = Bucket(
                name: try reader.readString(limit: BucketName.bytesMax), provider: provider,
                namespace: namespace)
        else { throw DecodingFailure("not a bucket", at: start) }
        self = bucket
    }

    public func write(to writer: inout ByteWriter) {
        writer.write(provider.rawValue)
        writer.write(namespace.uuid)
        writer.write(namespace.name)
        writer.write(name)
    }
}
