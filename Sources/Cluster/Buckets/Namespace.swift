/// The part of a bucket's identity that keeps equal names apart; global when both parts are empty.
public struct Namespace: Hashable, Sendable {
    public static let global = Namespace(checkedUUID: "", name: "")

    /// The other cluster's uuid or alias; empty for this cluster.
    public let uuid: String
    public let name: String

    private init(checkedUUID uuid: String, name: String) {
        self.uuid = uuid
        self.name = name
    }

    /// - Returns: `nil` when a part holds anything but letters, digits, `_` and `-`.
    public init?(uuid: String, name: String) {
        guard uuid.utf8.allSatisfy(BucketName.isWord), name.utf8.allSatisfy(BucketName.isWord),
            uuid.utf8.count <= BucketName.bytesMax, name.utf8.count <= BucketName.bytesMax
        else { return nil }
        self.init(checkedUUID: uuid, name: name)
    }

    /// Reads `@uuid#name`; the `@` is optional, and without a `#` the whole text is the uuid.
    public init?(text: String) {
        let rest = text.hasPrefix("@") ? text.dropFirst() : Substring(text)
        let parts = rest.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(
            uuid: parts.first.map(String.init) ?? "",
            name: parts.count == 2 ? String(parts[1]) : "")
    }

    public var isGlobal: Bool { uuid.isEmpty && name.isEmpty }

    /// The form used in keys and in the bucket map: always `@uuid#name`.
    public var text: String { "@\(uuid)#\(name)" }
}

extension Namespace: Comparable {
    public static func < (left: Namespace, right: Namespace) -> Bool {
        (left.uuid, left.name) < (right.uuid, right.name)
    }
}
