/// Where a state stands in history, comparable across elections and forced recoveries.
public struct Position: Hashable, Comparable, Sendable {
    public var generation: Generation
    public var term: Term
    public var index: Index

    public init(generation: Generation, term: Term, index: Index) {
        self.generation = generation
        self.term = term
        self.index = index
    }

    public static let zero = Position(generation: .none, term: .zero, index: .zero)

    public static func < (left: Position, right: Position) -> Bool {
        (left.generation, left.term, left.index) < (right.generation, right.term, right.index)
    }
}

extension Position: CustomStringConvertible {
    /// `counter-nonce-term-index`, in lower-case hexadecimal; the form used in URLs and logs.
    public var description: String {
        "\(generation)-" + String(term.rawValue, radix: 16) + "-"
            + String(index.rawValue, radix: 16)
    }

    /// Reads the form that `description` writes.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var numbers: [UInt64] = []
        for part in parts {
            guard let number = UInt64(part, radix: 16), part.first != "+" else { return nil }
            numbers.append(number)
        }
        self.init(
            generation: Generation(counter: numbers[0], nonce: numbers[1]),
            term: Term(numbers[2]), index: Index(numbers[3]))
    }
}
