/// What a member has promised and may never forget (Raft figure 2, "persistent state").
public struct HardState: Hashable, Sendable {
    public var generation: Generation
    public var term: Term
    /// The candidate that has this member's vote in `term`.
    public var vote: MemberID?

    public init(generation: Generation, term: Term, vote: MemberID?) {
        self.generation = generation
        self.term = term
        self.vote = vote
    }

    /// A member that has not taken part in anything.
    public static let initial = HardState(generation: .none, term: .zero, vote: nil)
}
