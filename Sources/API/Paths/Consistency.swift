import Base

/// `consistency=`: which state a read of metadata shows.
package enum Consistency: String, CaseIterable, Sendable {
    /// What this node has.
    case stale
    /// What the majority has, with all that was acknowledged before.
    case linearizable
}

extension Query {
    /// - Returns: `nil` when the query does not say.
    package func consistency() throws(Failure) -> Consistency? {
        guard let text = try value(QueryName.consistency), !text.isEmpty else { return nil }
        guard let consistency = Consistency(rawValue: text) else {
            throw Failure(
                .badQuery, "'\(QueryName.consistency)' is '\(text.excerpt)'",
                next: Consistency.allCases.map(\.rawValue).joined(separator: " or "))
        }
        return consistency
    }
}
