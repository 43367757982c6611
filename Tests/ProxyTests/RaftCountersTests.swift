import Base
import Testing

@testable import Consensus
@testable import Proxy

/// What a member has been through, counted from the statuses it reports.
@Suite struct RaftCountersTests {
    private static func status(
        _ role: RoleName, term: UInt64, leader: UInt64? = nil
    ) -> DriverStatus {
        DriverStatus(
            id: MemberID(1), role: role, generation: .none, term: Term(term),
            leader: leader.map { MemberID($0) }, commit: .zero, applied: .zero,
            last: LogMark(index: .zero, term: .zero), base: .zero,
            configuration: .empty, silence: [:], matches: [:], leaderSilence: nil,
            supersededBy: nil, isRemoved: false, stopped: nil)
    }

    @Test func `an election counts once, won or lost, seen or unseen`() {
        let steps: [(DriverStatus, elections: UInt64, victories: UInt64, changes: UInt64)] = [
            (Self.status(.follower, term: 1, leader: 2), 0, 0, 1),
            (Self.status(.preCandidate, term: 1), 0, 0, 2),
            (Self.status(.candidate, term: 2), 1, 0, 2),
            // Nobody won; it stands again.
            (Self.status(.candidate, term: 3), 2, 0, 2),
            (Self.status(.leader, term: 3, leader: 1), 2, 1, 3),
            (Self.status(.follower, term: 4), 2, 1, 4),
            // The others answered before anybody saw that it stood.
            (Self.status(.leader, term: 5, leader: 1), 3, 2, 5),
            (Self.status(.leader, term: 5, leader: 1), 3, 2, 5),
        ]
        let counters = RaftCounters()
        var before: DriverStatus?
        for step in steps {
            counters.changed(from: before, to: step.0)
            before = step.0
            let totals = counters.totals
            #expect(totals.elections == step.elections, "\(step.0.role) in \(step.0.term)")
            #expect(totals.victories == step.victories, "\(step.0.role) in \(step.0.term)")
            #expect(totals.leaderChanges == step.changes, "\(step.0.role) in \(step.0.term)")
        }
    }

    @Test func `only proposals with an outcome have a duration`() {
        let counters = RaftCounters()
        counters.proposed(.applied, nanoseconds: 1_000)
        counters.proposed(.rejected, nanoseconds: 2_000)
        counters.proposed(.refused, nanoseconds: 4_000)
        counters.proposed(.unknown, nanoseconds: 8_000)
        let totals = counters.totals
        #expect(totals.proposals == [.applied: 1, .rejected: 1, .refused: 1, .unknown: 1])
        #expect(totals.proposalTimes.count == 2 && totals.proposalTimes.sum == 3_000)
    }
}
