/// One entry of the replicated log.
public struct Entry: Hashable, Sendable {
    /// What an entry is for; the raw value is its code on disk and on the wire.
    public enum Kind: UInt8, Sendable {
        /// A command of the state machine; the payload is opaque to this module.
        case command = 0
        /// The first entry of a term, in place of a blank one. Its payload is the new leader's
        /// `MemberID`, and the note of the transfer behind it, if any.
        case leader = 1
        /// A whole `Configuration`, in force from the moment it is appended (Raft dissertation
        /// §4.1).
        case configuration = 2
    }

    public var index: Index
    public var term: Term
    /// Nanoseconds since 1970 by the leader's clock when it appended the entry; never decreases
    /// along the log.
    public var time: UInt64
    public var kind: Kind
    public var payload: [UInt8]

    public init(index: Index, term: Term, time: UInt64, kind: Kind, payload: [UInt8]) {
        self.index = index
        self.term = term
        self.time = time
        self.kind = kind
        self.payload = payload
    }

    public var mark: LogMark { LogMark(index: index, term: term) }

    /// What the entry counts for in byte limits: its payload and a fixed allowance for the rest.
    public var byteCount: Int { payload.count + 48 }
}

extension Entry {
    /// The longest note that a transfer leaves in the log.
    public static let noteBytesMax = 1_024

    /// The member that a `leader` entry names; `nil` for other kinds and for a payload that is none.
    public var leader: MemberID? {
        guard kind == .leader, payload.count >= 8 else { return nil }
        return MemberID(payload.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// What the transfer that led to this term has noted; empty when there was none.
    public var note: [UInt8] { kind == .leader ? Array(payload.dropFirst(8)) : [] }

    /// The configuration that a `configuration` entry carries; `nil` for other kinds or when it
    /// cannot be decoded.
    public var configuration: Configuration? {
        kind == .configuration ? Configuration(decoding: payload) : nil
    }

    /// Whether it says who votes, and cannot be read.
    var hasUnreadableVoters: Bool { kind == .configuration && configuration == nil }

    /// The payload of a `leader` entry.
    static func leaderPayload(_ member: MemberID, _ note: [UInt8] = []) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: member.rawValue >> (8 * UInt64($0))) } + note
    }
}
