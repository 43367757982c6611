import API
import Cluster
import Consensus
import HTTP
import Testing

@testable import Proxy

/// What a forced recovery would do, from what the logs say.
@Suite struct RecoveryPlanTests {
    private static let old = Generation(counter: 1, nonce: 7)

    /// A voter among p1 to p5, or as many as said, whose log has one term after the other.
    private func facts(
        _ number: UInt64, last: UInt64, terms: [(UInt64, UInt64)] = [(1, 1)], of count: UInt64 = 3
    ) -> RecoveryFacts {
        var facts = RecoveryFacts()
        facts.node = "p\(number)"
        facts.url = "http://h:\(number)"
        facts.clusterID = "c"
        facts.member = MemberID(number)
        facts.generation = Self.old
        facts.runs = terms.map { TermRun(first: Index($0.0), term: Term($0.1)) }
        facts.last = LogMark(index: Index(last), term: facts.runs.last?.term ?? .zero)
        facts.commit = Index(last)
        facts.configuration = Configuration(voters: (1...count).map { MemberID($0) })
        return facts
    }

    private func plan(
        _ witnesses: [RecoveryFacts], candidate: String? = nil, overriding: Bool = false
    ) -> RecoveryPlan {
        RecoveryPlan(
            RecoveryPlan.Question(
                clusterID: "c", witnesses: witnesses,
                names: Dictionary(uniqueKeysWithValues: (1...5).map { (MemberID($0), "p\($0)") }),
                candidate: candidate, overridesQuorum: overriding))
    }

    /// FS-01, FS-10
    @Test func `the last of three goes on alone, and only the silent leave the group`() {
        let plan = plan([facts(2, last: 9)])
        #expect(plan.recommended == "p2" && plan.refusal == nil)
        #expect(plan.configuration == Configuration(voters: [MemberID(2)]))
        #expect(plan.dead == [MemberID(1), MemberID(3)])
        #expect(plan.survivesThen == 0)
        // Both others may have committed something without it.
        #expect(plan.verdict == .unsafe && !plan.losesSomething)
        #expect(plan.reasons.joined().contains("p1, p3"))
        #expect(plan.next.contains("http://h:2/v1/daemon/proxy/p2?frc=true&can=http://h:2&token="))
    }

    /// FS-08
    @Test func `while a majority answers nothing is forced, and the evidence says who`() {
        let refused = plan([facts(1, last: 9), facts(2, last: 9)], candidate: "p2")
        #expect(refused.refusal == .quorumReachable && refused.verdict == .blocked)
        #expect(refused.token.isEmpty)
        #expect(refused.reasons[0].contains("p1, p2"))
        #expect(refused.next == "curl -X PUT 'http://h:2/v1/cluster/proxy/p2'")
        let forced = plan(
            [facts(1, last: 9), facts(2, last: 9)], candidate: "p2", overriding: true)
        #expect(forced.refusal == nil && forced.verdict == .unsafe && !forced.token.isEmpty)
    }

    /// FS-08
    @Test func `one that hears a primary out of sight is evidence of a majority`() {
        var follower = facts(2, last: 9)
        follower.leader = MemberID(1)
        let plan = plan([follower])
        #expect(plan.refusal == .quorumReachable)
        #expect(plan.reasons[0].hasPrefix("p1 is the primary"))
    }

    /// FS-09
    @Test
    func `the highest term goes before the longest log, and another one is told what it lacks`() {
        var long = facts(1, last: 20, of: 5)
        long.holdings.buckets = ["ais://old": "1"]
        var late = facts(2, last: 12, terms: [(1, 1), (11, 3)], of: 5)
        late.holdings.buckets = ["ais://new": "2", "ais://old": "0"]
        (long.commit, late.commit) = (Index(10), Index(10))
        let best = plan([long, late])
        #expect(best.recommended == "p2")
        #expect(best.rejoining.map(\.node) == ["p1"])
        // What p1 has behind entry 10 is in no majority that p2's leader did not see.
        let other = plan([long, late], candidate: "p1")
        let shortfall = other.chosen?.shortfalls.first
        #expect(shortfall?.witness == "p2" && shortfall?.entries == 2)
        #expect(shortfall?.lost.buckets == ["ais://new", "ais://old"])
        #expect(other.verdict == .unsafe && other.losesSomething)
    }

    /// FS-09
    @Test func `one that is only behind brings back what was removed since`() {
        var behind = facts(1, last: 5, of: 5)
        behind.holdings.buckets = ["ais://gone": "1"]
        let plan = plan([behind, facts(2, last: 8, of: 5)], candidate: "p1")
        #expect(plan.chosen?.shortfalls.first?.returning.buckets == ["ais://gone"])
        #expect(plan.rejoining.map(\.node) == ["p2"])
    }

    /// FS-10
    @Test func `of five with two left, both vote on, and nobody leaves but the silent`() {
        let plan = plan([facts(2, last: 7, of: 5), facts(5, last: 9, of: 5)])
        #expect(plan.recommended == "p5")
        #expect(plan.configuration == Configuration(voters: [MemberID(2), MemberID(5)]))
        #expect(plan.dead == [MemberID(1), MemberID(3), MemberID(4)])
    }

    /// FS-09, FS-10
    @Test func `with half of four left every committed entry is known, and the plan is safe`() {
        let plan = plan([facts(1, last: 9, of: 4), facts(2, last: 9, of: 4)])
        #expect(plan.verdict == .safe && plan.reasons.isEmpty)
    }

    /// FS-09
    @Test func `the log of a dead proxy's disk counts as seen`() {
        var file = facts(1, last: 9)
        file.isRunning = false
        #expect(plan([facts(2, last: 9), file]).verdict == .safe)
        file.last.index = Index(11)
        let longer = plan([facts(2, last: 9), file])
        #expect(longer.verdict == .unsafe && longer.losesSomething)
        #expect(longer.chosen?.shortfalls.first?.witness == "the log of p1")
        // It is not asked to go on by itself.
        #expect(longer.recommended == "p2")
    }

    private func learner(_ number: UInt64, last: UInt64) -> RecoveryFacts {
        var facts = facts(number, last: last)
        facts.configuration = Configuration(
            voters: (1...3).map { MemberID($0) }, learners: [MemberID(4), MemberID(5)])
        return facts
    }

    /// FS-15
    @Test func `while a voter can go on, a learner does not, however much it has`() {
        var voter = facts(1, last: 7)
        voter.configuration = learner(4, last: 9).configuration
        let plan = plan([voter, learner(4, last: 9)], candidate: "p4")
        guard case .unfit("p4", let obstacles)? = plan.refusal else {
            Issue.record("\(String(describing: plan.refusal))")
            return
        }
        #expect(obstacles[0].contains("learner"))
        #expect(plan.recommended == "p1" && plan.verdict == .blocked)
    }

    /// FS-15: all voters are gone. Nobody waited for a learner, so that what only the voters had is lost, and the plan says so.
    @Test func `when no voter is left, the learner with the highest log goes on`() {
        let plan = plan([learner(5, last: 7), learner(4, last: 9)])
        #expect(plan.recommended == "p4" && plan.refusal == nil && plan.takesLearner)
        #expect(plan.verdict == .unsafe && plan.reasons.joined().contains("learner"))
        #expect(plan.dead == (1...3).map { MemberID($0) } && plan.unseen == plan.dead)
        #expect(
            plan.configuration == Configuration(voters: [MemberID(4)], learners: [MemberID(5)]))
        #expect(plan.next.contains("token="))
    }

    /// FS-15, FS-09: the voters' disks were read, and have nothing that the learner lacks.
    @Test func `a learner that has all that the voters' disks have loses nothing`() {
        let files = (1...2).map { number in
            var file = facts(UInt64(number), last: 9)
            file.configuration = learner(4, last: 9).configuration
            file.isRunning = false
            return file
        }
        let whole = plan(files + [learner(4, last: 9)])
        #expect(whole.recommended == "p4" && whole.verdict == .safe)
        let short = plan(files + [learner(4, last: 8)])
        #expect(short.verdict == .unsafe && short.losesSomething)
    }

    /// FS-09: p1 has an entry of a later term that was never committed; p2 knows its own to be, by a leader that came after
    /// that. The higher log is the wrong one.
    @Test func `a log that lacks what another knows to be committed is not proposed`() {
        var higher = facts(1, last: 9, terms: [(1, 1), (9, 3)], of: 5)
        higher.commit = Index(8)
        let lower = facts(2, last: 9, terms: [(1, 1), (9, 2)], of: 5)
        let plan = plan([higher, lower])
        #expect(plan.recommended == "p2")
        #expect(plan.rejoining.map(\.name) == ["p1"])
    }

    /// FS-15
    @Test func `a log that failed and one that was left behind do not go on`() {
        var failed = facts(1, last: 9)
        failed.obstacle = "a snapshot is half installed"
        #expect(plan([failed]).refusal == .noCandidate)
        var left = facts(1, last: 9)
        left.supersededBy = Generation(counter: 2, nonce: 1)
        #expect(plan([left]).refusal == .superseded(by: Generation(counter: 2, nonce: 1)))
    }

    @Test func `a log of an older generation is no candidate, and no loss`() {
        var older = facts(1, last: 90)
        var newer = facts(2, last: 9)
        newer.generation = Generation(counter: 2, nonce: 1)
        older.supersededBy = newer.generation
        let plan = plan([older, newer])
        #expect(plan.recommended == "p2" && plan.candidates.count == 1)
        #expect(plan.refusal == nil)
    }

    @Test func `a file of a later generation stops the older one`() {
        var file = facts(1, last: 3)
        file.isRunning = false
        file.generation = Generation(counter: 2, nonce: 1)
        let plan = plan([file, facts(2, last: 9)])
        #expect(plan.refusal == .noCandidate && plan.reasons[0].contains("2-1"))
    }

    @Test func `the proxies of a state are known by their addresses`() {
        var holdings = Holdings()
        holdings.nodes = [
            "p2": "proxy at 10.0.0.2:80", "t1": "target at 10.0.0.9:80",
            "p1": "proxy at 10.0.0.1:80",
        ]
        #expect(holdings.proxies.map(\.host) == ["10.0.0.1", "10.0.0.2"])
    }

    @Test func `other clusters and unknown names are left out`() {
        var stranger = facts(1, last: 90)
        stranger.clusterID = "d"
        let plan = plan([stranger, facts(2, last: 9)], candidate: "p1")
        #expect(plan.refusal == .unknownCandidate("p1"))
    }

    /// FS-07
    @Test func `a token holds for these facts and no others`() {
        let token = plan([facts(2, last: 9)]).token
        #expect(token.count == 16 && plan([facts(2, last: 9)]).token == token)
        #expect(plan([facts(2, last: 10)]).token != token)
        #expect(plan([facts(2, last: 9, terms: [(1, 2)])]).token != token)
        #expect(plan([facts(3, last: 9)]).token != token)
        var file = facts(1, last: 3)
        file.isRunning = false
        #expect(plan([facts(2, last: 9), file]).token != token)
        var other = facts(2, last: 9)
        other.generation.nonce = 8
        #expect(plan([other]).token != token)
    }

    @Test func `two logs have in common what their terms say`() {
        let long = facts(1, last: 20, terms: [(1, 1), (8, 2), (15, 4)])
        #expect(long.common(with: facts(2, last: 12, terms: [(1, 1), (8, 2)])) == Index(12))
        #expect(long.common(with: facts(2, last: 12, terms: [(1, 1), (10, 3)])) == Index(7))
        var compacted = facts(2, last: 30, terms: [(26, 5)])
        compacted.base = LogMark(index: Index(25), term: Term(5))
        #expect(long.common(with: compacted) == .zero)
        #expect(!long.contains(compacted) && !compacted.contains(long))
    }

    @Test func `what a log is said to hold is read as it was written`() throws {
        var said = facts(2, last: 9)
        said.base = LogMark(index: Index(3), term: Term(1))
        said.runs = [TermRun(first: Index(4), term: Term(1))]
        said.chain = 0xFFFF_FFFF_FFFF_FFFE
        said.leader = MemberID(1)
        said.tail = [
            RecoveryFacts.TailEntry(
                mark: said.last, time: 77, actor: "client", action: "create_bucket",
                subject: "ais://\"b\"")
        ]
        said.holdings.buckets = ["ais://b": "1@2"]
        said.holdings.settings = ["p1/log.level": "4"]
        said.applied = LogPosition(generation: 1, nonce: 7, term: 1, index: 9)
        #expect(try RecoveryFacts(decoding: said.encoded) == said)
        #expect(throws: (any Error).self) { try RecoveryFacts(decoding: Array("{}".utf8)) }
        let text = String(decoding: said.encoded, as: UTF8.self)
        #expect(throws: (any Error).self) {
            try RecoveryFacts(
                decoding: Array(text.replacing("\"commit\":9", with: "\"commit\":-9").utf8))
        }
    }
}
