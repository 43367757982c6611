/// What a member knows about itself and its group at one moment.
package struct DriverStatus: Hashable, Sendable {
    package var id: MemberID
    package var role: RoleName
    package var generation: Generation
    package var term: Term
    /// The leader of this term, as far as known.
    package var leader: MemberID?
    package var commit: Index
    /// The position of the last applied entry.
    package var applied: Position
    package var last: LogMark
    /// Before the first entry that the log still has.
    package var base: Index
    package var configuration: Configuration
    /// On the leader: nanoseconds since each other member was last heard.
    package var silence: [MemberID: UInt64]
    /// On the leader: how far each other member holds the log durably.
    package var matches: [MemberID: Index]
    /// Elsewhere: nanoseconds since the leader was last heard; `nil` when it never was.
    package var leaderSilence: UInt64?
    package var supersededBy: Generation?
    package var isRemoved: Bool
    package var stopped: StopReason?
}

extension Pipeline {
    package var status: DriverStatus {
        func nanoseconds(_ ticks: UInt64) -> UInt64 { ticks * limits.tickNanoseconds }
        return DriverStatus(
            id: replica.id, role: replica.roleName, generation: replica.generation,
            term: replica.term, leader: replica.leader, commit: replica.commit, applied: position,
            last: replica.lastMark, base: replica.baseIndex, configuration: replica.configuration,
            silence: Dictionary(
                replica.contacts.map { ($0.member, nanoseconds($0.ticks)) },
                uniquingKeysWith: min),
            matches: Dictionary(
                replica.matches.map { ($0.member, $0.index) }, uniquingKeysWith: max),
            leaderSilence: replica.ticksSinceLeader.map(nanoseconds),
            supersededBy: replica.supersededBy, isRemoved: isRemoved, stopped: stopReason)
    }
}
