import Cluster
import Consensus

/// What one proxy's log holds, as a forced recovery weighs it: told by a proxy that runs, or read from the database of
/// one that does not.
struct RecoveryFacts: Equatable, Sendable {
    /// The proxy's id; of a file, the one that the map in it has for the member, which may be none.
    var node = ""
    var url = ""
    var clusterID = ""
    var member = MemberID(0)
    var generation = Generation.none
    var term = Term.zero
    /// The last entry that is no longer kept, and the terms of those behind it.
    var base = LogMark.zero
    var runs: [TermRun] = []
    var last = LogMark.zero
    /// The last entry known to be committed; of a file, the last one applied.
    var commit = Index.zero
    /// The state behind the last applied entry, and its hash.
    var applied = LogPosition.zero
    var stateHash: UInt64 = 0
    /// The hash over the log up to its end; comparable between logs that begin alike.
    var chain: UInt64?
    /// The configuration in force, committed or not.
    var configuration = Configuration.empty
    /// Entries that are not known to be committed.
    var tail: [TailEntry] = []
    /// The state that the whole log leads to, its tail included.
    var holdings = Holdings()

    /// Whether a running proxy has said this.
    var isRunning = true
    /// The leader that this member hears; itself when it leads.
    var leader: MemberID?
    var supersededBy: Generation?
    /// How this generation began, when a forced recovery began it and the log still has its first entries.
    var opening: Opening?
    /// Why the log cannot be gone on with.
    var obstacle: String?
    /// The first entry behind the state that the version which says this cannot read.
    var unreadable: Unreadable?

    /// Logs that lie beside it, set aside when the proxy was left behind.
    var branches: [String] = []

    /// An entry that may or may not have been acknowledged.
    struct TailEntry: Equatable, Sendable {
        var mark: LogMark
        var time: UInt64
        var actor: String
        var action: String
        var subject: String
    }

    /// The beginning of a generation: all that another survivor has to know to take part in it.
    struct Opening: Equatable, Sendable {
        /// The last entry of the generation that was left.
        var base: LogPosition
        var leader: MemberID
        var term: Term
        var configuration: Configuration
    }

    /// More than a leader leaves uncommitted in a usual life; the rest is counted.
    static let tailMax = 200
    /// More elections than a log between two compactions has seen; the oldest are given up.
    static let runsMax = 2_000

    /// Who it is, for people.
    var name: String { node.isEmpty ? "member \(member)" : node }

    var isVoter: Bool { configuration.isVoter(member) }

    /// The term of an entry that the log has; `nil` for one that is not there, or no longer.
    func term(at index: Index) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index <= last.index else { return nil }
        return runs.last { $0.first <= index }?.term
    }

    /// Whether everything that `other` has is here as well (Raft §5.3: equal marks, equal logs up to there).
    func contains(_ other: RecoveryFacts) -> Bool {
        guard other.generation == generation else { return false }
        return term(at: other.last.index) == other.last.term
    }

    /// Whether everything is here that `other` knows to be committed.
    func hasCommitted(_ other: RecoveryFacts) -> Bool {
        // What lies before a base is committed, and so the same in both.
        other.commit <= max(base.index, other.base.index)
            ? last.index >= other.commit : term(at: other.commit) == other.term(at: other.commit)
    }

    /// The last entry that is known to stand in both logs.
    func common(with other: RecoveryFacts) -> Index {
        var shared = Index.zero
        for (index, own) in boundaries where other.term(at: index) == own { shared = index }
        for (index, theirs) in other.boundaries where term(at: index) == theirs {
            shared = max(shared, index)
        }
        return shared
    }

    /// The last index of every term, in order; two logs part behind one of these.
    private var boundaries: [(index: Index, term: Term)] {
        var boundaries = [(base.index, base.term)]
        for (place, run) in runs.enumerated() {
            let end = place + 1 < runs.count ? runs[place + 1].first.previous : last.index
            boundaries.append((end, run.term))
        }
        return boundaries
    }
}

extension Generation {
    /// Reads the form that `description` writes.
    init?(text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let counter = UInt64(parts[0], radix: 16),
            let nonce = UInt64(parts[1], radix: 16), parts.allSatisfy({ $0.first != "+" })
        else { return nil }
        self.init(counter: counter, nonce: nonce)
    }
}

extension Position {
    init(_ position: LogPosition) {
        self.init(
            generation: Generation(counter: position.generation, nonce: position.nonce),
            term: Term(position.term), index: Index(position.index))
    }
}

extension LogPosition {
    init(_ position: Position) {
        self.init(
            generation: position.generation.counter, nonce: position.generation.nonce,
            term: position.term.rawValue, index: position.index.rawValue)
    }
}
