import Consensus

/// A defect planted at the edge of a member, to show that the oracle would find it in the code.
///
/// Each is what a real mistake would look like from outside: a promise that is not kept on disk, a
/// message that says more than is known, a rule that is not applied.
package enum Defect: String, CaseIterable, Sendable {
    /// The vote is not written with the term.
    case forgetsVote
    /// A flush is reported before it has happened.
    case flushesLater
    /// A follower confirms one entry more than it has.
    case confirmsTooMuch
    /// Voters do not compare logs.
    case ignoresCandidateLog
    /// Any heartbeat reply confirms the newest round.
    case confirmsAnyRound
    /// The term of an entry before the appended ones is not checked.
    case ignoresPrevious
    /// Applied changes are stored without the applied index.
    case forgetsApplied
    /// Snapshots are stored with the configuration the member had before.
    case keepsConfiguration
    /// Every vote request is answered with yes.
    case grantsTwice
}
