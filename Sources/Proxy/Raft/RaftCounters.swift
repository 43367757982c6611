import Base
import Cluster
import Consensus
import Synchronization

/// What the local member has been through since its start, for statistics.
final class RaftCounters: Sendable {
    struct Totals: Sendable {
        /// Times this member stood for election, and won one.
        var elections: UInt64 = 0
        var victories: UInt64 = 0
        /// Times this member heard of another leader than before, none included.
        var leaderChanges: UInt64 = 0
        /// Changes that were proposed here, by how they ended.
        var proposals: [Ending: UInt64] = [:]
        /// From the proposal to its outcome, of those that have one.
        var proposalTimes = LatencyHistogram()
        var followersLeftBehind: UInt64 = 0
    }

    /// How a proposal ended.
    enum Ending: String, CaseIterable, Sendable {
        case applied
        /// Committed, and refused by the state.
        case rejected
        /// Not taken: no leader, no majority, too much under way.
        case refused
        case unknown

        init(_ outcome: ProposalOutcome<Cluster.Outcome>) {
            switch outcome {
            case .applied(_, let outcome):
                if case .failure = outcome.result { self = .rejected } else { self = .applied }
            case .unchanged: self = .applied
            case .refused: self = .refused
            case .unknown: self = .unknown
            }
        }
    }

    private let state = Mutex(Totals())

    var totals: Totals { state.withLock { $0 } }

    func changed(from before: DriverStatus?, to status: DriverStatus) {
        state.withLock { totals in
            // A lone voter, or a quick answer, leads before anybody sees that it stood.
            let stands = status.role == .candidate || status.role == .leader
            let stood = before?.role == .candidate || before?.role == .leader
            if stands, !stood || before?.term != status.term { totals.elections += 1 }
            if status.role == .leader, before?.role != .leader { totals.victories += 1 }
            if before?.leader != status.leader { totals.leaderChanges += 1 }
        }
    }

    func proposed(_ ending: Ending, nanoseconds: UInt64) {
        state.withLock { totals in
            totals.proposals[ending, default: 0] += 1
            if ending == .applied || ending == .rejected {
                totals.proposalTimes.add(nanoseconds: nanoseconds)
            }
        }
    }

    func leftBehind(_ followers: Int) {
        state.withLock { $0.followersLeftBehind += UInt64(followers) }
    }
}
