/// What a member has promised and may never forget (Raft figure 2, "persistent state").
public struct HardState: Hashable, Sendable {
    public var generation: Generation
    public var term: Term
    /// The candidate that has this member's vote in `term`.
    public var vote: MemberID?
    /// The last entry before a forced recovery began this generation, and the generation it left; `nil` in a cluster that was
    /// founded, and at members that joined later.
    public var origin: Position?
    /// A higher generation that was seen: the member takes part in nothing any more.
    public var supersededBy: Generation?

    public init(
        generation: Generation, term: Term, vote: MemberID?, origin: Position? = nil,
        supersededBy: Generation? = nil
    ) {
        self.generation = generation
        self.term = term
        self.vote = vote
        self.origin = origin
        self.supersededBy = supersededBy
    }

    /// The generation in which the entry at `index` was applied.
    public func generation(at index: Index) -> Generation {
        guard let origin, index <= origin.index else { return generation }
        return origin.generation
    }

    /// A member that has not taken part in anything.
    public static let initial = HardState(generation: .none, term: .zero, vote: nil)
}
