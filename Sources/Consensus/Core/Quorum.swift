/// Arithmetic of majorities.
enum Quorum {
    /// The highest index that a majority of the voters has reached; zero without voters.
    static func index(of configuration: Configuration, _ reached: (MemberID) -> Index) -> Index {
        guard !configuration.voters.isEmpty else { return .zero }
        let sorted = configuration.voters.map(reached).sorted(by: >)
        return sorted[configuration.quorum - 1]
    }

    /// Whether a majority of the voters satisfies the condition.
    static func holds(in configuration: Configuration, _ agrees: (MemberID) -> Bool) -> Bool {
        guard !configuration.voters.isEmpty else { return false }
        return configuration.voters.count(where: agrees) >= configuration.quorum
    }
}
