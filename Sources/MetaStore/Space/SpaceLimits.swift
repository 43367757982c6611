/// How much room a log wants to have, each number with its reason.
package struct SpaceLimits: Sendable {
    /// What is kept for term and vote. A vote is three pages of the write-ahead file (12 KiB), which is used again after each
    /// checkpoint; a checkpoint may want as much again as that file has, some 4 MiB. So either one checkpoint fits in here, and
    /// votes cost nothing from then on, or 340 votes do.
    package var reserveBytes: UInt64 = 4 << 20

    /// Below this much the member stands back. Until it has, entries come in that were on their way: what a leader leaves
    /// uncommitted is bounded by 16 MiB, and is far less as a rule.
    package var lowBytes: UInt64 = 16 << 20

    /// From this much on it takes part again: so much more that the reserve, and a write-ahead file, do not bring it back below
    /// the other mark at once.
    package var highBytes: UInt64 = 24 << 20

    /// How much is written between two looks: small beside the marks, and enough to make 64 changes of usual size cost one
    /// system call of a microsecond.
    package var lookBytes = 256 << 10

    /// Looks after which a reserve that was needed is made anew at the earliest. Where a quota says that there is no room and
    /// the file system says that there is, the member tries again at this pace only: each ten seconds.
    package var looksAfterRelease = 10

    package init() {}
}
