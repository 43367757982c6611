/// Who takes part: voters decide, learners only receive the log.
///
/// Both lists are sorted and free of duplicates, and no member is in both; every initialiser sees
/// to it, so equal configurations are equal values and equal bytes.
public struct Configuration: Hashable, Sendable {
    public let voters: [MemberID]
    public let learners: [MemberID]

    /// A member named in both lists is a voter.
    public init(voters: [MemberID], learners: [MemberID] = []) {
        self.voters = Set(voters).sorted()
        self.learners = Set(learners).subtracting(voters).sorted()
    }

    /// Nobody: the configuration of a member that has not joined yet.
    public static let empty = Configuration(voters: [], learners: [])

    /// Voters and learners, sorted.
    public var members: [MemberID] { (voters + learners).sorted() }

    public func isVoter(_ member: MemberID) -> Bool { voters.contains(member) }
    public func isLearner(_ member: MemberID) -> Bool { learners.contains(member) }
    public func contains(_ member: MemberID) -> Bool { isVoter(member) || isLearner(member) }

    /// The number of voters that make a majority.
    public var quorum: Int { voters.count / 2 + 1 }
}

extension Configuration: CustomStringConvertible {
    public var description: String { "\(voters)+\(learners)" }
}

// Coding: format 1, count of voters, count of learners (one byte each), then the identifiers,
// little-endian.
extension Configuration {
    /// As this version writes it.
    public static let format: UInt8 = 1

    public var encoded: [UInt8] {
        precondition(voters.count < 256 && learners.count < 256, "\(self) is too large")
        var bytes: [UInt8] = [Self.format, UInt8(voters.count), UInt8(learners.count)]
        for member in voters + learners {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: member.rawValue >> (8 * UInt64(shift))))
            }
        }
        return bytes
    }

    /// `nil` when the bytes are not exactly what `encoded` would have written.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.count >= 3, bytes[0] == Self.format else { return nil }
        let (voters, learners) = (Int(bytes[1]), Int(bytes[2]))
        guard bytes.count == 3 + 8 * (voters + learners) else { return nil }
        let members = (0..<(voters + learners)).map { ordinal in
            MemberID(
                (0..<8).reduce(0) { $0 | UInt64(bytes[3 + 8 * ordinal + $1]) << (8 * UInt64($1)) })
        }
        self.init(voters: Array(members[..<voters]), learners: Array(members[voters...]))
        guard encoded == bytes else { return nil }
    }
}
