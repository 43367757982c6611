import Testing

@testable import Consensus

/// Commitment, crashes and snapshots, where a script would be too long or too weak.
@Suite struct SafetyTests {
    /// RE-12: against the definition, for all small groups.
    @Test func `the commit index is what a majority has reached`() {
        var random = Random(seed: 4)
        for voters in 1...7 {
            let ids = (1...UInt64(voters)).map(MemberID.init)
            let configuration = Configuration(voters: ids, learners: [MemberID(99)])
            for _ in 0..<200 {
                var reached: [MemberID: Index] = [MemberID(99): Index(1_000)]
                for id in ids { reached[id] = Index(UInt64(random.next(in: 0...9))) }
                let found = Quorum.index(of: configuration) { reached[$0] ?? .zero }
                let brute = (0...9).map { Index(UInt64($0)) }.last { index in
                    ids.count { reached[$0] ?? .zero >= index } >= voters / 2 + 1
                }
                #expect(found == brute)
            }
        }
    }

    /// PC-01, PC-03, PC-14, CS-03: the same history, cut after every single step and begun again.
    @Test func `wherever all members die, what was acknowledged is there`() {
        for length in 0..<120 {
            var group = Group(voters: 3)
            group.elect(1)
            let tokens = (0..<4).map { group.propose("\($0)", at: 1) }
            for step in 0..<length {
                switch step % 4 {
                case 0: group.deliver()
                default: group.flush(MemberID(UInt64(step % 4)))
                }
            }
            let acknowledged = tokens.filter { group.outcomes($0, at: 1) == ["applied"] }.count
            group.wire = []
            for id in 1...3 as ClosedRange<UInt64> {
                group.restart(id)
                let member = group[id]
                #expect(member.replica.lastMark.term <= member.replica.term)
            }
            group.tick(60)
            for id in 1...3 as ClosedRange<UInt64> {
                let lines = group.lines(id)
                #expect(Array(lines.prefix(acknowledged)) == (0..<acknowledged).map { "\($0)" })
                #expect(Set(lines).count == lines.count)
            }
        }
    }

    /// CS-05.
    @Test func `nothing is applied twice after a restart`() {
        var group = Group(voters: 3)
        group.elect(1)
        for number in 0..<10 {
            group.propose("\(number)", at: 1)
            group.settle()
            group.restart(2)
            group.tick(8)
            #expect(group.lines(2) == (0...number).map { "\($0)" })
        }
    }

    /// ST-05, PC-01: a failed flush; nothing that waited for it leaves.
    @Test func `a member whose flush fails stops, and says nothing more`() {
        var group = Group(voters: 3)
        group.elect(1)
        group.members[MemberID(2)]?.isDiskStuck = true
        group.propose("a", at: 1)
        group.settle()
        var result = StorageResult<Ledger>()
        result.failure = "no space"
        group.wire = []
        group.feed(MemberID(2), [.stored(result)])
        #expect(group.members[MemberID(2)]?.stopped == .storageFailed("no space"))
        group.feed(MemberID(2), [.tick(time: 0)])
        group.inject(.heartbeat(round: 99, commit: .zero), from: 1, to: 2, term: 9)
        #expect(group.wire.isEmpty)
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var apply: @Sendable (inout RecoveredState<Ledger>) -> Void
    }

    /// PC-07, PC-09: parts that contradict each other.
    @Test(arguments: [
        Damage(testDescription: "a gap after the base") { $0.termRuns[0].first = Index(2) },
        Damage(testDescription: "an entry ahead of the term") { $0.hardState.term = Term(0) },
        Damage(testDescription: "a tail with a hole") { $0.tail.removeFirst() },
        Damage(testDescription: "applied beyond the log") { $0.applied.index = Index(99) },
        Damage(testDescription: "the log ends before the base") { $0.base.mark.index = Index(99) },
        Damage(testDescription: "terms that go back") {
            $0.termRuns.append(TermRun(first: Index(3), term: Term(0)))
        },
        Damage(testDescription: "a configuration outside the log") {
            $0.configurations = [
                Entry(index: Index(77), term: Term(1), time: 0, kind: .configuration, payload: [])
            ]
        },
    ])
    func `contradictions are refused at start`(damage: Damage) throws {
        var group = Group(voters: 1)
        group.elect(1)
        group.propose("a", at: 1)
        group.propose("b", at: 1)
        group.settle()
        var storage = try #require(group.members[MemberID(1)]?.storage)
        var recovered = storage.load()
        damage.apply(&recovered)
        let broken = recovered
        #expect(throws: RecoveryFailure.self) {
            try Pipeline(id: MemberID(1), recovered: broken, machine: Ledger(), seed: 1)
        }
    }

    // MARK: snapshots

    /// A member with this log, and a snapshot ending at `mark` that another one sends it.
    private func receive(
        _ mark: LogMark, configuration: Configuration, by group: inout Group, lines: [String]
    ) {
        let bytes = Ledger.encode(lines.map { Array($0.utf8) })
        let chunk = SnapshotChunk(
            base: LogBase(mark: mark, time: 0, configuration: configuration),
            byteCount: UInt64(bytes.count), checksum: Checksum.of(bytes), offset: 0, bytes: bytes)
        group.inject(.snapshotChunk(chunk), from: 3, to: 2, term: 9)
        group.flushAll(2)
    }

    private func follower(terms: [UInt64]) -> Group {
        var group = Group(voters: 3)
        let entries = terms.enumerated().map { place, term in
            Entry(
                index: Index(UInt64(place) + 1), term: Term(term), time: 0, kind: .command,
                payload: Array("\(place + 1)".utf8))
        }
        group.members[MemberID(2)]?.storage.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(generation: Group.generation, term: Term(9), vote: nil),
                entries: entries))
        group.restart(2)
        return group
    }

    struct TailCase: Sendable {
        var terms: [UInt64]
        var last: UInt64
    }

    /// SN-04, RE-01: the snapshot ends at entry 2 of term 3.
    @Test(arguments: [
        TailCase(terms: [1, 3, 3, 4], last: 4), TailCase(terms: [1, 1, 3, 4], last: 2),
        TailCase(terms: [1], last: 2), TailCase(terms: [1, 4, 4], last: 2),
    ])
    func `entries after a matching snapshot stay and others go`(row: TailCase) {
        var group = follower(terms: row.terms)
        receive(
            LogMark(index: Index(2), term: Term(3)),
            configuration: group[2].replica.configuration, by: &group, lines: ["x"])
        #expect(group[2].replica.lastMark.index == Index(row.last))
        #expect(group.lines(2) == ["x"])
        group.restart(2)
        #expect(group[2].replica.lastMark.index == Index(row.last))
        #expect(group.lines(2) == ["x"])
    }

    /// SN-05, SN-07, SN-08: also when the receiver's own role is another one in it.
    @Test(arguments: [
        Configuration(voters: [1, 3].map { MemberID($0) }, learners: [MemberID(2)]),
        Configuration(voters: [1, 2, 3, 4].map { MemberID($0) }),
    ])
    func `a snapshot brings its configuration`(configuration: Configuration) {
        var group = follower(terms: [1, 1])
        receive(
            LogMark(index: Index(9), term: Term(4)), configuration: configuration, by: &group,
            lines: [])
        #expect(group[2].replica.configuration == configuration)
        group.restart(2)
        #expect(group[2].replica.configuration == configuration)
    }

    /// SN-12, SN-03: an older one after a newer one changes nothing.
    @Test func `of two snapshots the newer wins`() {
        var group = follower(terms: [1])
        let configuration = group[2].replica.configuration
        receive(
            LogMark(index: Index(9), term: Term(4)), configuration: configuration, by: &group,
            lines: ["new"])
        receive(
            LogMark(index: Index(5), term: Term(3)), configuration: configuration, by: &group,
            lines: ["old"])
        #expect(group.lines(2) == ["new"])
        #expect(group[2].replica.commit == Index(9))
        receive(
            LogMark(index: Index(12), term: Term(5)), configuration: configuration, by: &group,
            lines: ["newest"])
        #expect(group.lines(2) == ["newest"])
    }

    /// SN-02, SN-14: a snapshot that does not have its checksum is refused; the next one is taken.
    @Test func `a damaged snapshot is refused and can be sent again`() {
        var group = follower(terms: [1])
        let bytes = Ledger.encode([Array("x".utf8)])
        var chunk = SnapshotChunk(
            base: LogBase(
                mark: LogMark(index: Index(4), term: Term(2)), time: 0,
                configuration: group[2].replica.configuration),
            byteCount: UInt64(bytes.count), checksum: 5, offset: 0, bytes: bytes)
        group.wire = []
        group.inject(.snapshotChunk(chunk), from: 3, to: 2, term: 9)
        #expect(group.wire.last?.message == .snapshotRefused(last: chunk.base.mark))
        chunk.checksum = Checksum.of(bytes)
        group.inject(.snapshotChunk(chunk), from: 3, to: 2, term: 9)
        group.flushAll(2)
        #expect(group.lines(2) == ["x"])
    }

    /// SN-14: answers that come late and twice bring no piece again; one that has lost what it had of a snapshot gets it anew.
    @Test func `late answers of a snapshot move nothing, and a beginning from nothing is heeded`() {
        var (limits, driverLimits) = (Limits(), DriverLimits())
        limits.snapshotChunkBytes = 4
        (driverLimits.retainedEntries, driverLimits.compactionStride) = (0, 1)
        var group = Group(voters: 3, limits: limits, driverLimits: driverLimits)
        group.elect(1)
        group.crash(3)
        for number in 0..<12 { group.propose("line \(number)", at: 1) }
        group.settle()
        group.tick(12)
        group.restart(3)
        group.heard = []
        // The network repeats what 3 has said of a snapshot, in any order, while it is sent.
        var said: [Envelope] = []
        var number = 0
        while pieces(group).count < 12, number < 4_000 {
            number += 1
            if group.wire.isEmpty {
                group.time += 25
                group.feed(MemberID(1), [.tick(time: group.time)])
            }
            if let next = group.wire.first, case .snapshotProgress = next.message,
                !said.contains(next)
            {
                said.append(next)
                group.wire += (1...3).map { said[number * $0 % said.count] }
            }
            group.deliver()
            for id in group.ids where group.flush(id) {}
        }
        let sent = pieces(group)
        #expect(Set(sent.map(\.offset)).count == sent.count, "\(sent.map(\.offset))")
        #expect(sent.last?.offset ?? 0 > 40)
        // What it had of it was in memory.
        group.wire = []
        group.crash(3)
        group.restart(3)
        group.tick(60)
        #expect(group.lines(3) == group.lines(1))
    }

    private func pieces(_ group: Group) -> [SnapshotChunk] {
        group.heard.compactMap { envelope in
            if case .snapshotChunk(let chunk) = envelope.message { chunk } else { nil }
        }
    }

    /// SN-16: a member that stands for election takes the snapshot it needs.
    @Test func `a candidate accepts a snapshot`() {
        var group = follower(terms: [1])
        group.age(2, ticks: 40)
        #expect(group[2].replica.roleName == .preCandidate)
        receive(
            LogMark(index: Index(4), term: Term(2)),
            configuration: group[2].replica.configuration, by: &group, lines: ["x"])
        #expect(group.lines(2) == ["x"])
        #expect(group[2].replica.leader == MemberID(3))
    }

    /// SN-06: what is taken is applied, and so is the configuration in it.
    @Test func `a snapshot holds no configuration that is not committed`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (0, 1)
        var group = Group(voters: 3, driverLimits: limits)
        group.elect(1)
        group.crash(3)
        group.propose("a", at: 1)
        group.settle()
        group.tick(12)
        group.loses = { $0.from == MemberID(1) && $0.to == MemberID(2) }
        group.change(.addLearner(MemberID(4)), at: 1)
        group.settle()
        #expect(group[1].replica.configuration.learners == [MemberID(4)])
        group.restart(3)
        group.heard = []
        group.tick(6)
        let chunks = group.heard.compactMap { envelope -> SnapshotChunk? in
            if case .snapshotChunk(let chunk) = envelope.message { chunk } else { nil }
        }
        #expect(!chunks.isEmpty)
        #expect(chunks.allSatisfy { $0.base.configuration.learners.isEmpty })
    }

    /// SN-15.
    @Test func `compaction keeps what members need that were away shortly`() {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (20, 1)
        var group = Group(voters: 3, driverLimits: limits)
        group.elect(1)
        group.crash(3)
        for number in 0..<15 { group.propose("\(number)", at: 1) }
        group.settle()
        group.tick(40)
        group.restart(3)
        group.heard = []
        group.tick(12)
        #expect(group.lines(3).count == 15)
        let wasSnapshot = group.heard.contains { envelope in
            if case .snapshotChunk = envelope.message { true } else { false }
        }
        #expect(!wasSnapshot)
    }

    // MARK: many times

    /// TR-10, TR-08: leadership goes round a thousand times while writes go on.
    @Test func `a thousand transfers lose nothing and leave nothing behind`() {
        var group = Group(voters: 3)
        group.elect(1)
        var accepted: [String] = []
        for round in 0..<1_000 {
            guard let leader = group.leaders.first?.rawValue else {
                Issue.record("nobody leads in round \(round)")
                return
            }
            let text = "\(round)"
            let token = group.propose(text, at: leader)
            group.feed(MemberID(leader), [.transfer(to: MemberID(leader % 3 + 1))])
            group.settle()
            if group.outcomes(token, at: leader) == ["applied"] { accepted.append(text) }
        }
        group.tick(8)
        #expect(accepted.count > 900)
        #expect(group.lines(1).filter(accepted.contains) == accepted)
        #expect(group.wire.isEmpty)
        for id in group.ids { #expect(group.members[id]?.transfers.count ?? 0 >= 300) }
    }

    /// EL-05: four voters tie easily.
    @Test(arguments: 1...20) func `split votes end`(round: Int) {
        var group = Group(voters: 4)
        for _ in 0..<round { for id in group.ids { group.restart(id.rawValue) } }
        group.tick(200)
        #expect(group.leaders.count == 1)
    }

    /// TM-06: a later leader whose clock is behind goes on from the latest time in its log.
    @Test func `times never decrease along the log`() {
        var group = Group(voters: 3)
        group.time = 5_000_000
        group.elect(1)
        group.propose("a", at: 1)
        group.settle()
        group.time = 10
        group.elect(2)
        group.propose("b", at: 2)
        group.settle()
        let times = (1...group[2].replica.lastMark.index.rawValue).compactMap {
            group[2].replica.entry(at: Index($0))?.time
        }
        #expect(times == times.sorted())
    }

    /// RE-10: entries that storage returns and that are not the log's own are never sent.
    @Test func `a leader sends nothing that is not its own log`() {
        var limits = Limits()
        limits.cacheBytesMax = 60
        var group = Group(voters: 3, limits: limits)
        group.elect(1)
        group.crash(3)
        for number in 0..<10 { group.propose("\(number)", at: 1) }
        group.settle()
        group.tick(20)
        var replica = group[1].replica
        let request = ReadRequest(
            member: MemberID(3), first: Index(2), last: Index(3), bytesMax: 1_000)
        let wrong = Entry(
            index: Index(2), term: Term(9), time: 0, kind: .command, payload: [1])
        let effects = replica.handle(.entriesRead(request, [wrong]))
        #expect(
            !effects.contains { effect in
                if case .send(let envelope, _) = effect, case .append = envelope.message {
                    true
                } else {
                    false
                }
            })
    }
}
