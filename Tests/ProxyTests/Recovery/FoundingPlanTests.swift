import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import MetaStore
import TestSupport
import Testing

@testable import Proxy

/// What founding on cached states comes to, worked out from what targets have.
@Suite struct FoundingPlanTests {
    /// A cluster with proxies p1 to p3 and targets t1 to t3, and what each of its states is cached as.
    struct Cast {
        private(set) var state = ClusterState()
        private var base = ClusterState()
        private var entries: [CachedStateFile.Entry] = []
        private let generation: (UInt64, UInt64)

        init(cluster: String = "c", generation: UInt64 = 1, nonce: UInt64 = 7) throws {
            self.generation = (generation, nonce)
            try apply(
                .found(
                    clusterID: cluster, founder: try Self.node("p1", .proxy, 1),
                    generation: generation, nonce: nonce))
            for number in [2, 3] as [UInt16] {
                try apply(.setNode(try Self.node("p\(number)", .proxy, number)))
            }
            for number in [1, 2, 3] as [UInt16] {
                try apply(.setNode(try Self.node("t\(number)", .target, 10 + number)))
            }
            base = state
            entries = []
        }

        static func node(_ id: String, _ role: NodeRole, _ port: UInt16) throws -> Node {
            Node(
                id: try #require(NodeID(id)), role: role,
                address: try #require(NodeAddress(host: "127.0.0.1", port: port)),
                member: role == .proxy ? UInt64(port) : 0)
        }

        mutating func apply(_ command: Command) throws {
            let frame = FollowFrame.LogEntry(
                position: LogPosition(
                    generation: generation.0, nonce: generation.1, term: 3,
                    index: state.position.index + 1),
                time: Timestamp(nanoseconds: 9_000), kind: .command,
                payload: LogRecord(
                    command, actor: "test", stateIndex: state.position.index,
                    stateHash: state.hash
                ).encoded)
            var changes: [StateRow.Change] = []
            _ = try state.apply(
                .command, payload: frame.payload, term: 3, index: frame.position.index,
                time: frame.time, changes: &changes)
            entries.append(CachedStateFile.Entry(frame, hash: state.hash))
        }

        mutating func bucket(_ name: String) throws {
            try apply(.createBucket(try #require(Bucket(name: name)), BucketProperties()))
        }

        /// The present state as target `name` has it on its disk.
        func bytes(_ name: String) -> [UInt8] {
            let start = CachedStateFile.beginning(
                base, node: name, written: Timestamp(nanoseconds: 8_000))
            var (bytes, checksum) = (start.bytes, start.checksum)
            for entry in entries { bytes += CachedStateFile.bytes(of: entry, after: &checksum) }
            return bytes
        }

        func witness(_ name: String, cut: Int = 0) throws -> FoundingPlan.Witness {
            let cached = try CachedState(decoding: bytes(name).dropLast(cut))
            var followed = cached.state.position
            (followed.term, followed.index) = (0, 0)
            return FoundingPlan.Witness(
                name: name, place: "http://\(name)", isRunning: true, clusterID: cached.clusterID,
                followed: followed, cached: cached, problem: cached.leftover)
        }
    }

    private func question(_ witnesses: [FoundingPlan.Witness]) throws -> FoundingPlan.Question {
        FoundingPlan.Question(founder: try Cast.node("p9", .proxy, 90), witnesses: witnesses)
    }

    /// FS-09: the highest position in the highest generation.
    @Test func `the newest of all targets' states is taken, and that is safe`() throws {
        var cast = try Cast()
        try cast.bucket("a")
        let behind = try cast.witness("t1")
        try cast.bucket("b")
        let plan = FoundingPlan(
            try question([behind, try cast.witness("t2"), try cast.witness("t3")]))
        #expect(plan.verdict == .safe && plan.recommended == "t2" && plan.chosen?.name == "t2")
        #expect(plan.counter == 2 && plan.disagreements == [] && plan.unseen == [])
        #expect(plan.lost.map(\.id.text) == ["p1", "p2", "p3"])
        #expect(plan.lacks(behind) == Holdings.Difference())
    }

    /// FS-09
    @Test func `a target that nobody has seen makes it unsafe, and is named`() throws {
        var cast = try Cast()
        try cast.bucket("a")
        var question = try question([try cast.witness("t1"), try cast.witness("t3")])
        question.silentTargets = [.init(node: "t2", url: "http://t2", reason: "refused")]
        let plan = FoundingPlan(question)
        #expect(plan.verdict == .unsafe && plan.unseen == ["t2"])
        #expect(plan.reasons.joined().contains("what t2 alone has cached is lost"))
        #expect(plan.next.contains("--token \(plan.token)"))
    }

    @Test func `a cache that ends early is said, and gone on from as far as it reads`() throws {
        var cast = try Cast()
        try cast.bucket("a")
        let whole = cast.state.position
        try cast.bucket("b")
        let torn = try cast.witness("t1", cut: 5)
        #expect(torn.position == whole)
        let plan = FoundingPlan(try question([torn, torn, torn]))
        #expect(plan.verdict == .unsafe && plan.chosen?.position == whole)
        #expect(plan.doubts.contains { $0.hasPrefix("t1: it can be read up to byte") })
    }

    @Test func `a higher generation counts before a higher index, of two the higher nonce`() throws
    {
        var old = try Cast()
        for name in ["a", "b", "d"] { try old.bucket(name) }
        var lower = try Cast(generation: 2, nonce: 4)
        try lower.bucket("x")
        let higher = try Cast(generation: 2, nonce: 5)
        let plan = FoundingPlan(
            try question([
                try old.witness("t1"), try lower.witness("t2"), try higher.witness("t3"),
            ]))
        #expect(plan.chosen?.name == "t3" && plan.counter == 3)
        // States of generations that were left contradict nobody.
        #expect(plan.disagreements == [] && plan.verdict == .safe)
        #expect(plan.lacks(try lower.witness("t2")).buckets == ["ais://x"])
    }

    @Test func `a generation that a target has followed and nobody has cached is counted above`()
        throws
    {
        let cast = try Cast()
        var witness = try cast.witness("t1")
        witness.followed = LogPosition(generation: 6, nonce: 1, term: 0, index: 0)
        let plan = FoundingPlan(
            try question([witness, try cast.witness("t2"), try cast.witness("t3")]))
        #expect(plan.counter == 7 && plan.verdict == .unsafe)
        #expect(plan.doubts.contains { $0.contains("t1 has followed generation 6-1") })
    }

    @Test func `two states at one position are refused, until one is taken by name`() throws {
        var (cast, other) = (try Cast(), try Cast())
        try cast.bucket("a")
        try other.bucket("z")
        try other.bucket("y")
        let witnesses = [
            try cast.witness("t1"), try cast.witness("t2"), try other.witness("t3"),
        ]
        var question = try question(witnesses)
        let plan = FoundingPlan(question)
        guard case .disagreement(let found)? = plan.refusal else {
            Issue.record("\(String(describing: plan.refusal))")
            return
        }
        #expect(found.map(\.nodes) == [["t3", "t1"], ["t3", "t2"]])
        #expect(found.allSatisfy { $0.position == cast.state.position })
        #expect(plan.verdict == .blocked && plan.token.isEmpty && plan.next.contains("--take"))
        question.taken = "t1"
        let taken = FoundingPlan(question)
        #expect(taken.refusal == nil && taken.verdict == .unsafe && taken.chosen?.name == "t1")
        #expect(taken.lacks(witnesses[2]).buckets == ["ais://y", "ais://z"])
        question.taken = "t7"
        #expect(FoundingPlan(question).refusal == .unknownTarget("t7"))
    }

    /// FS-08
    @Test func `a proxy that answers, or that a target hears, is no reason to found`() throws {
        let cast = try Cast()
        var question = try question([try cast.witness("t1")])
        let living = FoundingPlan.Silent(node: "p2", url: "http://p2", reason: "t1 follows it")
        question.livingProxies = [living]
        let plan = FoundingPlan(question)
        #expect(plan.refusal == .proxyAnswers([living]) && plan.verdict == .blocked)
        #expect(plan.next.contains("recovery_plan"))
    }

    @Test func `nothing cached, several clusters, a log that is there, a target's name`() throws {
        let (cast, other) = (try Cast(), try Cast(cluster: "d"))
        var empty = try cast.witness("t1")
        empty.cached = nil
        empty.problem = "the disk is full"
        let none = FoundingPlan(try question([empty]))
        #expect(none.refusal == .noState && none.reasons[0].contains("the disk is full"))
        #expect(
            FoundingPlan(try question([try cast.witness("t1"), try other.witness("t2")])).refusal
                == .severalClusters(["c", "d"]))
        var present = try question([try cast.witness("t1")])
        present.presentLog = "a log of generation 1-7"
        #expect(FoundingPlan(present).refusal == .logPresent("a log of generation 1-7"))
        var named = try question([try cast.witness("t1")])
        named.founder = try Cast.node("t2", .proxy, 99)
        #expect(FoundingPlan(named).refusal == .founderIsTarget("t2"))
        named.founder = try Cast.node("p9", .proxy, 13)
        #expect(FoundingPlan(named).refusal == .founderIsTarget("t3"))
    }

    /// FS-07
    @Test func `another world makes another token, and only what is safe goes without`() throws {
        var cast = try Cast()
        try cast.bucket("a")
        let first = FoundingPlan(try question([try cast.witness("t1")]))
        #expect(first.token == FoundingPlan(try question([try cast.witness("t1")])).token)
        try cast.bucket("b")
        let second = FoundingPlan(try question([try cast.witness("t1")]))
        #expect(first.token != second.token)
        var wish = FoundingWish(sources: [])
        func act(_ plan: FoundingPlan) throws -> Bool {
            let founding = FoundingFromTargets(
                wish: wish, founder: plan.question.founder,
                log: Logger(node: "p9", subject: "test", minimum: .error))
            do throws(FoundingFromTargets.Refused) {
                try founding.check(plan)
                return true
            } catch {
                #expect(error.description.contains("nothing is founded"))
                return false
            }
        }
        #expect(try !act(second))
        wish.token = first.token
        #expect(try !act(second))
        wish.token = second.token
        #expect(try act(second))
        wish.token = ""
        let all = try ["t1", "t2", "t3"].map { try cast.witness($0) }
        #expect(try act(FoundingPlan(try question(all))))
    }

    /// FS-11, FS-17: the write is the whole founding; what storage has of it is a member that leads a generation of its own.
    @Test(arguments: ["p2", "p9"])
    func `the founding write is one log with the state and the record`(
        _ id: String
    ) async throws {
        var cast = try Cast()
        try cast.bucket("a")
        var question = try question(try ["t1", "t2", "t3"].map { try cast.witness($0) })
        question.founder = try Cast.node(id, .proxy, 90)
        let plan = FoundingPlan(question)
        let member = MemberID(77)
        let founding = plan.founding(
            by: member, nonce: 5, now: Timestamp(nanoseconds: 1), token: plan.token)
        let (batch, record) = try #require(founding)
        // The clock here is behind; the log's time does not go back.
        #expect(batch.entries.allSatisfy { $0.time == 9_000 })
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/metadata.db"
        do {
            let log = try SQLiteLog(path: path, newMember: member)
            _ = try log.load()
            try log.write(batch)
        }
        let log = try SQLiteLog(path: path, newMember: MemberID(1))
        let recovered = try log.load()
        #expect(recovered.image == cast.state && recovered.tail.count == 3)
        #expect(recovered.hardState.generation == Generation(counter: 2, nonce: 5))
        #expect(recovered.hardState.origin == Position(cast.state.position))
        var catalog = Catalog()
        catalog.restore(try #require(recovered.image))
        for entry in recovered.tail { _ = try catalog.apply(entry) }
        let state = catalog.state
        #expect(state.position.generation == 2 && state.position.nonce == 5)
        #expect(state.map.clusterID == "c" && state.map.primary?.text == id)
        #expect(state.map.nodes(.proxy).map(\.id.text) == [id])
        #expect(state.map.nodes(.proxy).map(\.member) == [77])
        #expect(state.map.nodes(.target).count == 3 && state.buckets.buckets.count == 1)
        let kept = try #require(state.recoveries.values.first { _ in true })
        #expect(kept.foundation?.left.map(\.id.text) == ["p1", "p2", "p3"])
        #expect(kept.foundation?.source == record.foundation?.source)
        // The same command again is the same founding; a log of something else is not.
        let name = try #require(NodeID(id))
        try FoundingFromTargets.checkPresent(recovered, name)
        #expect(throws: FoundingFromTargets.Refused.self) {
            try FoundingFromTargets.checkPresent(recovered, try #require(NodeID("p1")))
        }
        var other = recovered
        other.hardState.generation = Generation(counter: 2, nonce: 6)
        #expect(throws: FoundingFromTargets.Refused.self) {
            try FoundingFromTargets.checkPresent(other, name)
        }
    }

    @Test func `what is left of a dead target is read from its directory, or from the file`() throws
    {
        var cast = try Cast()
        try cast.bucket("a")
        let disk = try TemporaryDirectory()
        let path = try disk.directory("t1")
        #expect(throws: NoCachedState.self) { _ = try FoundingSurvey.witness(at: path) }
        try Data(cast.bytes("t1")).write(to: URL(filePath: "\(path)/cached-state"))
        let bare = try FoundingSurvey.witness(at: path)
        #expect(bare.name == "t1" && !bare.isRunning && bare.position == cast.state.position)
        #expect(bare.followed.generation == 1)
        let record = ClusterRecord(
            clusterID: "c", position: LogPosition(generation: 4, nonce: 2, term: 9, index: 9))
        try Data(record.encoded).write(to: URL(filePath: "\(path)/cluster"))
        #expect(try FoundingSurvey.witness(at: path).followed.generation == 4)
        let copy = try FoundingSurvey.witness(at: "\(path)/cached-state")
        #expect(copy.followed.generation == 1 && copy.isCopy && !bare.isCopy)
        let others = try ["t2", "t3"].map { try cast.witness($0) }
        #expect(FoundingPlan(try question([bare] + others)).verdict == .safe)
        let doubtful = FoundingPlan(try question([copy] + others))
        #expect(doubtful.verdict == .unsafe && doubtful.doubts[0].contains("of t1 a copy is known"))
    }
}
