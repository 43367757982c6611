package import Consensus

/// A defect planted in every member, to show that the checks would find it in the code.
package enum Defect: Hashable, Sendable {
    /// A line of the protocol or of the driver does not do what it is there for.
    case waived(Rule)
    /// Something around them does not.
    case planted(Plant)

    package enum Plant: String, CaseIterable, Sendable {
        /// The vote is not written with the term.
        case forgetsVote
        /// Neither is the term.
        case forgetsTerm
        /// A flush is reported before it has happened.
        case flushesLater
        /// Applied changes are stored without the applied index.
        case forgetsApplied
        /// Storage appends without removing what the new entries replace.
        case keepsReplaced
        /// A snapshot is stored without the configuration it brings.
        case storesOldConfiguration
        /// What does not fit on a full disk is left out, and confirmed.
        case losesWhatDoesNotFit
        /// A follower confirms one entry more than it has.
        case confirmsTooMuch
        /// A forced recovery is two writes: the generation, then its first entries.
        case splitsRecovery
        /// A restart does not find the forced configuration.
        case dropsForcedConfiguration
        /// The disk acknowledges a flush and does nothing (only on a simulated disk).
        case ignoresSync
        /// The floor is written after the messages that it covers have left (only on a simulated disk).
        case floorAfterMessage
        /// A restart does not find that the state was found to be wrong.
        case forgetsWrongState
        /// A snapshot lacks the sessions of clients (only where they have some).
        case forgetsSessions
        /// Each member ends sessions by a clock of its own.
        case endsSessionsByClock
        /// A copy of a request that was made is made again.
        case makesCopies
    }

    package static var allCases: [Defect] {
        Rule.allCases.map { .waived($0) } + Plant.allCases.map { .planted($0) }
    }

    package var name: String {
        switch self {
        case .waived(let rule): rule.rawValue
        case .planted(let plant): plant.rawValue
        }
    }

    package init?(name: String) {
        guard let defect = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = defect
    }

    var rule: Rule? {
        if case .waived(let rule) = self { rule } else { nil }
    }

    /// What it takes to find it.
    package var subject: SubjectName {
        switch self {
        case .planted(.ignoresSync), .planted(.floorAfterMessage): .disk
        case .planted(.forgetsSessions), .planted(.endsSessionsByClock), .planted(.makesCopies):
            .sessions
        default: .memory
        }
    }
}
