/// A message with what every message carries.
package struct Envelope: Hashable, Sendable {
    package var from: MemberID
    package var to: MemberID
    /// The sender's; one that is lower than the recipient's is refused before anything else is
    /// looked at.
    package var generation: Generation
    /// The sender's term, durable before the message leaves.
    package var term: Term
    package var message: Message

    package init(
        from: MemberID, to: MemberID, generation: Generation, term: Term, message: Message
    ) {
        self.from = from
        self.to = to
        self.generation = generation
        self.term = term
        self.message = message
    }
}
