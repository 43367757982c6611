/// The rules that safety and progress rest on, each by name at the line that obeys it.
///
/// A simulation may waive one, to show that its checks would notice if that line were wrong
/// (`martlet sim --teeth`). Three rules are missing here, because no schedule that the simulator drew
/// in a thousand seeds made them matter: that a follower commits only what a message has verified
/// (script RE-09), that confirmations of earlier terms do not count (script CS-03), and that entries
/// after a snapshot that matches stay (`SafetyTests`, SN-04). `Driver` has no way to waive any, so a real member obeys all of them.
public enum Rule: String, CaseIterable, Sendable {
    // Elections.
    /// A member votes once per term (Raft §5.2).
    case oneVotePerTerm
    /// A vote goes only to a candidate whose log is at least as up-to-date (Raft §5.4.1).
    case upToDateCandidate
    /// A vote is counted only in the term it was given in.
    case votesOfThisTerm
    /// Nothing of a term is said before the term and the vote are durable (Raft figure 2).
    case termDurableFirst
    /// A member stands until its departure is committed (dissertation §4.2.2).
    case standsUntilRemoved

    // Replication.
    /// Entries are taken only after an entry that both sides have (Raft §5.3).
    case previousMustMatch
    /// An entry that conflicts with the leader's gives way (Raft §5.3).
    case conflictGivesWay
    /// Nothing else does: an old, short message must not cut a longer log.
    case onlyConflictGivesWay
    /// Entries are confirmed when they are durable.
    case entriesDurableFirst
    /// A flush makes durable what was written, not what has replaced it since.
    case flushOfThisEntry
    /// What was lost on the way is sent again.
    case lostIsSentAgain
    /// Who lacks what is no longer in the log gets a snapshot.
    case snapshotBeforeBase

    // Committing.
    /// Only entries of the leader's own term are committed by counting (Raft §5.4.2).
    case ownTermCommits
    /// The leader's own copy counts when it is durable.
    case ownFlushCounts
    /// Learners do not count.
    case votersCount
    /// A heartbeat commits only the very entry that it names.
    case commitIsSame
    /// Times never decrease along the log.
    case timeAscends
    /// What is bound to a term is appended in no other.
    case boundToTerm

    // Reads.
    /// A leader reads only after it has committed in its own term (Raft §8).
    case readAfterOwnCommit
    /// Leadership is confirmed by a majority after the read arrived.
    case readConfirmed
    /// An answer to an earlier round confirms nothing.
    case readRoundIsOwn
    /// A read is answered when everything up to its index is applied.
    case readAfterApply

    // Membership.
    /// One change at a time.
    case oneChangeAtATime
    /// A leader changes nobody before it has committed in its own term (the rule of 2015).
    case changeAfterOwnCommit
    /// A configuration goes with its entry.
    case configurationGoesWithEntry
    /// A leader that was removed resigns.
    case removedLeaderResigns

    // Snapshots.
    /// A snapshot brings its configuration.
    case snapshotBringsConfiguration
    /// Entries after a snapshot that does not match go.
    case otherTailGoes
    /// A snapshot of what is committed already is ignored.
    case oldSnapshotIgnored
    /// A piece that was lost is sent again.
    case lostPieceIsSentAgain

    // Members that have forgotten.
    /// A member whose log lacks what it has promised neither votes nor stands.
    case floorBeforeVote
    /// States are compared.
    case statesAreCompared
    /// Who votes alone works its state out a second time.
    case aloneWorksOut
    /// Whose state is wrong stands for election when nobody else has won for a while.
    case outvotedStandsLate
    /// Whose state is wrong answers nothing from it, and gives it to nobody.
    case outvotedAnswersNothing

    // Disks without room.
    /// Who is short of space takes no entries and no snapshot.
    case shortTakesNothing

    // Forced recovery.
    /// A message of another generation is not looked at.
    case generationFirst
    /// A generation is adopted only by whose log is the beginning of the log it goes on from.
    case adoptsPrefixOnly
    /// Who has adopted a generation stands for election when it holds the forced configuration.
    case standsWhenOpened
    /// Members that joined later get no entries of an earlier generation.
    case freshGetSnapshot

    // The driver.
    /// A message waits for its write.
    case messageWaitsForWrite
    /// A proposal whose place was taken by another is refused, not acknowledged.
    case answerIsOwn
    /// What may have been committed is answered as unknown.
    case unknownAfterSnapshot
    case unknownAfterTimeout
    /// Changes are merged in the order in which they were asked for.
    case writesInOrder
}
