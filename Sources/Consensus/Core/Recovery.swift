/// What an operator who has lost the majority for good asks the chosen survivor for: go on alone, or with
/// those that are left, as a new generation of the cluster.
///
/// Rule for the tail: everything the survivor holds is kept and committed, because nothing tells a committed
/// entry from one that was not.
public struct ForcedRecovery: Hashable, Sendable {
    /// The safety token's facts: the survivor's generation, and the last entry of its log. When they differ, the world has moved
    /// since the plan.
    public var expected: Position
    /// The counter after the expected one, with a nonce drawn at random.
    public var successor: Generation
    /// Who takes part from here on. Every voter in force is in it, or in `givenUp`; nobody is new.
    public var configuration: Configuration
    /// Voters in force that are declared dead, or that have to join as new members.
    public var givenUp: [MemberID]
    /// The payload of the command that tells of the recovery: the first entry of the new generation.
    public var record: [UInt8]
    /// Go on although a leader of this generation is heard.
    public var overridesLeader: Bool
    /// Go on although the survivor is a learner: no voter is left that could.
    public var acceptsLearner: Bool

    public init(
        expected: Position, successor: Generation, configuration: Configuration,
        givenUp: [MemberID], record: [UInt8], overridesLeader: Bool = false,
        acceptsLearner: Bool = false
    ) {
        self.expected = expected
        self.successor = successor
        self.configuration = configuration
        self.givenUp = givenUp
        self.record = record
        self.overridesLeader = overridesLeader
        self.acceptsLearner = acceptsLearner
    }
}

/// What another survivor is asked for: to take part in the generation that a forced recovery has begun.
public struct Adoption: Hashable, Sendable {
    public var successor: Generation
    /// The last entry before the new generation, in the generation that was left.
    public var base: Position
    /// The last entry of the adopting member, as the new leader's log has it at that index: the evidence that the log
    /// here is the beginning of the log there.
    public var match: LogMark
    /// Who began the generation, and in which term.
    public var leader: MemberID
    public var term: Term
    /// The forced configuration.
    public var configuration: Configuration

    public init(
        successor: Generation, base: Position, match: LogMark, leader: MemberID, term: Term,
        configuration: Configuration
    ) {
        self.successor = successor
        self.base = base
        self.match = match
        self.leader = leader
        self.term = term
        self.configuration = configuration
    }
}

/// Why a member does not begin or adopt a generation. Nothing has changed.
public enum RecoveryRefusal: Hashable, Sendable {
    /// It belongs to another generation than expected.
    case otherGeneration(Generation)
    /// Its log ends elsewhere than expected.
    case otherLast(LogMark)
    /// Its log ends here, and is not the beginning of the log that the new generation goes on from: join as a new member.
    case notPrefix(last: LogMark)
    /// The generation asked for does not follow the present one.
    case notSuccessor(of: Generation)
    /// It was left behind by another recovery.
    case superseded(by: Generation)
    /// Learners have no vote, and do not begin a generation (FS-15), unless that is asked for in so many words.
    case notVoter
    /// Half of a snapshot is here (FS-15).
    case receivingSnapshot
    /// A majority is in reach: this leader of the present generation is heard (FS-08).
    case leaderIsHeard(MemberID)
    /// A member would get in that the present configuration does not have.
    case bringsStrangers([MemberID])
    /// These voters are neither kept nor given up by name (FS-10).
    case dropsVoters([MemberID])
    /// The new configuration does not name this member, or has no voter.
    case notNamed
}

/// The answer to a forced recovery and to an adoption; each gets exactly one.
public enum RecoveryOutcome: Hashable, Sendable {
    /// The member belongs to the new generation, durably. For a recovery this is the place of the record, which is committed as
    /// soon as a majority of the new configuration has adopted the generation; for an adoption, where the log ends.
    case done(Position)
    case refused(Refusal)
    /// The member stopped meanwhile: a restart tells.
    case unknown
}
