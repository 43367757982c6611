/// One leadership by name: each term of a generation has at most one leader (Raft §5.1).
public struct TermMark: Hashable, Sendable {
    public var generation: Generation
    public var term: Term

    public init(generation: Generation, term: Term) {
        self.generation = generation
        self.term = term
    }
}

extension TermMark: CustomStringConvertible {
    public var description: String { "\(generation)-" + String(term.rawValue, radix: 16) }
}
