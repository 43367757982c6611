/// One consensus member: a random number drawn when its data directory is created.
///
/// It names the *disk*, not the address. A wiped directory is a new member, so a node that has
/// forgotten what it promised can never answer for the one that made the promise.
public struct MemberID: Hashable, Comparable, Sendable {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (left: MemberID, right: MemberID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension MemberID: CustomStringConvertible {
    public var description: String { String(rawValue, radix: 16) }
}
