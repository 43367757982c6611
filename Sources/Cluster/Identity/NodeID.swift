import Base

/// The name of a node, unique in its cluster and kept across addresses and restarts (AIS: daemon ID).
public struct NodeID: Hashable, Sendable, CustomStringConvertible {
    public static let bytesMax = 128

    public let text: String

    /// - Returns: `nil` when the text is empty, longer than 128 bytes, or holds anything but letters,
    ///   digits, `.`, `_`, `:` and `-` (AIStore's own ids contain colons).
    public init?(_ text: String) {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= Self.bytesMax, bytes.allSatisfy(Self.isAllowed) else {
            return nil
        }
        self.text = text
    }

    public var description: String { text }

    /// The node's part in every placement (see ``Placement``).
    public var digest: UInt64 { XXH64.digest(text, seed: XXH64.placementSeed) }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

extension NodeID: Comparable {
    public static func < (left: NodeID, right: NodeID) -> Bool { left.text < right.text }
}
