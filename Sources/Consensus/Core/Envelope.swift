/// A message with what every message carries.
public struct Envelope: Hashable, Sendable {
    public var from: MemberID
    public var to: MemberID
    /// The sender's; one that is lower than the recipient's is refused before anything else is
    /// looked at.
    public var generation: Generation
    /// The sender's term, durable before the message leaves.
    public var term: Term
    public var message: Message

    public init(
        from: MemberID, to: MemberID, generation: Generation, term: Term, message: Message
    ) {
        self.from = from
        self.to = to
        self.generation = generation
        self.term = term
        self.message = message
    }
}
