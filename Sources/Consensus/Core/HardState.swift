/// What a member has promised and may never forget (Raft figure 2, "persistent state").
package struct HardState: Hashable, Sendable {
    package var generation: Generation
    package var term: Term
    /// The candidate that has this member's vote in `term`.
    package var vote: MemberID?

    package init(generation: Generation, term: Term, vote: MemberID?) {
        self.generation = generation
        self.term = term
        self.vote = vote
    }

    /// A member that has not taken part in anything.
    package static let initial = HardState(generation: .none, term: .zero, vote: nil)
}
