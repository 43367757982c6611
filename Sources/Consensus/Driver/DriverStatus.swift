/// What a member knows about itself and its group at one moment.
public struct DriverStatus: Hashable, Sendable {
    public var id: MemberID
    public var role: RoleName
    public var generation: Generation
    public var term: Term
    /// The leader of this term, as far as known.
    public var leader: MemberID?
    public var commit: Index
    /// The position of the last applied entry.
    public var applied: Position
    public var last: LogMark
    /// Before the first entry that the log still has.
    public var base: Index
    public var configuration: Configuration
    /// On the leader: nanoseconds since each other member was last heard.
    public var silence: [MemberID: UInt64]
    /// On the leader: how far each other member holds the log durably.
    public var matches: [MemberID: Index]
    /// Elsewhere: nanoseconds since the leader was last heard; `nil` when none was in this term.
    public var leaderSilence: UInt64?
    /// Nanoseconds since there was a leader, of whatever term; since the start when there was none.
    public var leaderAbsence: UInt64 = 0
    /// What this member has promised and its log lacks: until it has caught up, it does not vote, lead or count.
    public var floor: LogMark?
    /// On the leader: members whose confirmations do not count, because they have lost what they had promised.
    public var uncounted: [MemberID] = []
    /// What this member cannot read: it shows and changes nothing, and leads only while nobody else could.
    public var unreadable: Unreadable?
    /// How much room storage has; `nil` where it does not watch it.
    public var space: StorageSpace?
    /// On the leader: members that say they have no room, so that they take no entries.
    public var shortOfSpace: [MemberID] = []
    /// On the leader: the voters without room, when the others are no majority.
    public var majorityWithoutSpace: [MemberID]?
    /// What is wrong with what storage holds; it is being mended.
    public var damage: String?
    /// After which entry the state here is not what a later entry tells, while it is not known who is right.
    public var doubt: Index?
    /// Where the state here parts from that of most others, while it does: nothing is answered from it, and the member leads only
    /// while nobody else could.
    public var quarantine: StateDigests.Difference?
    /// Members whose state is known to differ from the one here.
    public var differing: [MemberID: StateDigests.Difference] = [:]
    /// The last entry before a forced recovery began this generation.
    public var origin: Position?
    public var supersededBy: Generation?
    public var isRemoved: Bool
    public var stopped: StopReason?
}

/// Who leads, as far as a member knows: what every request asks for, without the cost of a whole ``DriverStatus``.
public struct LeaderView: Hashable, Sendable {
    public var role: RoleName
    public var leader: MemberID?
    public var supersededBy: Generation?
    /// Nanoseconds since there was a leader, of whatever term; since the start when there was none.
    public var absence: UInt64
}

extension Pipeline {
    public var leaderView: LeaderView {
        LeaderView(
            role: replica.roleName, leader: replica.leader, supersededBy: replica.supersededBy,
            absence: replica.ticksWithoutLeader * limits.tickNanoseconds)
    }

    /// The status, when observers have to hear of it: at first, and whenever role, term, leader or configuration have changed.
    /// Making one costs several allocations, so it is not done for every batch of events.
    mutating func takeNews() -> DriverStatus? {
        let isKnown =
            announced?.role == replica.roleName && announced?.term == replica.term
            && announced?.leader == replica.leader
            && announced?.configuration == replica.configuration
        guard !isKnown else { return nil }
        announced = Announced(
            role: replica.roleName, term: replica.term, leader: replica.leader,
            configuration: replica.configuration)
        return status
    }

    /// What observers were last told.
    struct Announced: Sendable {
        var role: RoleName
        var term: Term
        var leader: MemberID?
        var configuration: Configuration
    }

    public var status: DriverStatus {
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
            leaderAbsence: nanoseconds(replica.ticksWithoutLeader),
            floor: replica.floor, uncounted: replica.uncounted,
            unreadable: unreadable, space: space, shortOfSpace: replica.shortOfSpace,
            majorityWithoutSpace: replica.majorityWithoutSpace,
            damage: repair.damage, doubt: doubt, quarantine: quarantine,
            differing: Dictionary(
                digests.differing.map { ($0.member, $0.difference) },
                uniquingKeysWith: { one, _ in one }),
            origin: replica.hardState.origin, supersededBy: replica.supersededBy,
            isRemoved: isRemoved, stopped: stopReason)
    }
}
