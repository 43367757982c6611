import Dispatch
import Synchronization
import Testing

@testable import Consensus

/// The shell around the pipeline, with threads, in one process.
@Suite struct DriverTests {
    private typealias Member = Driver<MemoryStorage<Ledger>, Hub>

    /// Hands messages straight to the other drivers.
    private final class Hub: Transport, Sendable {
        let members = Mutex<[MemberID: Member]>([:])
        let isDown = Mutex<Set<MemberID>>([])

        func send(_ envelope: Envelope) {
            let isLost = isDown.withLock {
                $0.contains(envelope.to) || $0.contains(envelope.from)
            }
            if !isLost { members.withLock { $0[envelope.to] }?.receive(envelope) }
        }
    }

    private struct Cluster {
        let hub = Hub()
        var members: [Member] = []

        /// Conversions that wait until somebody runs them.
        final class Parking: Sendable {
            let jobs = Mutex<[@Sendable () -> Void]>([])
            let isOpen = Atomic<Bool>(true)

            func run(_ job: @escaping @Sendable () -> Void) {
                if isOpen.load(ordering: .relaxed) { return job() }
                jobs.withLock { $0.append(job) }
            }

            func release() {
                isOpen.store(true, ordering: .relaxed)
                let waiting = jobs.withLock { jobs in
                    defer { jobs = [] }
                    return jobs
                }
                for job in waiting { job() }
            }
        }
        let parking = Parking()

        /// Requests that wait until no more come.
        let gathering = Parking()
        /// How many entries were applied together, at most.
        let together = Most()

        final class Most: Sendable {
            let value = Atomic<Int>(0)
        }

        init(_ count: UInt64, limits: DriverLimits = DriverLimits()) throws {
            let (parking, gathering, together) = (parking, gathering, together)
            let configuration = Configuration(voters: (1...count).map(MemberID.init))
            for number in 1...count {
                var storage = Ledger.storage()
                storage.write(
                    WriteBatch(
                        sequence: .zero,
                        hardState: HardState(
                            generation: Group.generation, term: .zero, vote: nil),
                        base: LogBase(mark: .zero, time: 0, configuration: configuration)))
                let pipeline = DispatchQueue(label: "pipeline")
                let disk = DispatchQueue(label: "disk")
                let member = try Member(
                    id: MemberID(number), storage: storage, machine: Ledger(), wire: hub,
                    executors: Member.Executors(
                        pipeline: { job in pipeline.async { job() } },
                        storage: { job in disk.async { job() } },
                        conversion: { job in parking.run(job) },
                        gathering: { job in gathering.run(job) }),
                    driverLimits: limits, seed: number, clock: { 1 },
                    observe: { notice in
                        guard case .applied(let entries, _, _) = notice else { return }
                        together.value.max(entries.count, ordering: .relaxed)
                    })
                members.append(member)
                hub.members.withLock { $0[member.id] = member }
            }
        }

        /// Ticks until a condition holds; a bound keeps a broken test from hanging.
        func tick(until holds: () -> Bool) async {
            for _ in 0..<2_000 where !holds() {
                for member in members { member.tick() }
                try? await Task.sleep(for: .milliseconds(1))
            }
        }

        var leader: Member? {
            members.first { $0.status.role == .leader && $0.status.commit > .zero }
        }

        func stop() async { for member in members { _ = await member.stop() } }
    }

    /// Without gathering, each of them is a message to every follower and wakes every log.
    @Test func `proposals that come together are one input`() async throws {
        let cluster = try Cluster(1)
        await cluster.tick { cluster.leader != nil }
        let leader = try #require(cluster.leader)
        cluster.gathering.isOpen.store(false, ordering: .relaxed)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for number in 1...5 as ClosedRange<UInt8> {
                group.addTask {
                    guard case .applied = await leader.propose([number]) else { return false }
                    return true
                }
            }
            for _ in 0..<2_000 where leader.inbox.withLock({ $0.proposals }) < 5 {
                try? await Task.sleep(for: .milliseconds(1))
            }
            cluster.gathering.release()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == [true, true, true, true, true])
        #expect(cluster.together.value.load(ordering: .relaxed) == 5)
        #expect(cluster.gathering.jobs.withLock { $0.isEmpty })
        await cluster.stop()
    }

    /// Whatever else has the pipeline look, has it look at them too.
    @Test func `gathered proposals do not wait for their turn when something else comes`()
        async throws
    {
        let cluster = try Cluster(1)
        await cluster.tick { cluster.leader != nil }
        let leader = try #require(cluster.leader)
        cluster.gathering.isOpen.store(false, ordering: .relaxed)
        async let outcome = leader.propose([1])
        for _ in 0..<2_000 where leader.inbox.withLock({ !$0.isGathering }) {
            try await Task.sleep(for: .milliseconds(1))
        }
        leader.tick()
        guard case .applied = await outcome else {
            Issue.record("it was not applied")
            return
        }
        cluster.gathering.release()
        await cluster.stop()
    }

    @Test func `a proposal is answered, and followers learn of it without a tick`() async throws {
        let cluster = try Cluster(3)
        await cluster.tick { cluster.leader != nil }
        let leader = try #require(cluster.leader)
        guard case .applied(let position, _) = await leader.propose([7]) else {
            Issue.record("it was not applied")
            return
        }
        for _ in 0..<1_000 {
            let isKnown = cluster.members.allSatisfy { $0.status.applied.index >= position.index }
            if isKnown { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        for member in cluster.members { #expect(member.status.applied.index >= position.index) }
        #expect(await leader.readIndex() == .ready(leader.status.applied))
        await cluster.stop()
        guard case .refused(.stopped) = await leader.propose([8]) else {
            Issue.record("a stopped member took a proposal")
            return
        }
    }

    /// SN-10: a snapshot takes as long as it takes; writes and reads go on.
    @Test func `taking a snapshot holds nobody up`() async throws {
        var limits = DriverLimits()
        (limits.retainedEntries, limits.compactionStride) = (0, 1)
        let cluster = try Cluster(3, limits: limits)
        await cluster.tick { cluster.leader != nil }
        let leader = try #require(cluster.leader)
        let away = try #require(cluster.members.first { $0.id != leader.id })
        cluster.hub.isDown.withLock { _ = $0.insert(away.id) }
        for number in 0..<20 as Range<UInt8> { _ = await leader.propose([number]) }
        await cluster.tick { leader.committedEntries(from: Index(2), bytesMax: 100) == nil }
        cluster.parking.isOpen.store(false, ordering: .relaxed)
        cluster.hub.isDown.withLock { $0 = [] }
        await cluster.tick { !cluster.parking.jobs.withLock(\.isEmpty) }
        guard let now = cluster.leader, case .applied = await now.propose([99]) else {
            Issue.record("writes wait for a snapshot")
            return
        }
        cluster.parking.release()
        await cluster.tick { away.status.applied == now.status.applied }
        #expect(away.status.applied == now.status.applied)
        await cluster.stop()
    }

    /// FS-01, FS-10, FS-11: as an operator has it done, with one answer for everybody who waits.
    @Test func `a survivor recovers, another adopts, and both serve`() async throws {
        let cluster = try Cluster(5)
        await cluster.tick { cluster.leader != nil }
        _ = await cluster.leader?.propose([1])
        let (one, two) = (cluster.members[3], cluster.members[4])
        await cluster.tick {
            one.status.last == two.status.last && one.status.last.index > Index(1)
        }
        cluster.hub.isDown.withLock { $0 = Set((1...3 as ClosedRange<UInt64>).map(MemberID.init)) }
        await cluster.tick { one.status.role != .leader && two.status.role != .leader }
        let status = one.status
        let recovery = ForcedRecovery(
            expected: Position(
                generation: status.generation, term: status.last.term, index: status.last.index),
            successor: Group.forced,
            configuration: Configuration(voters: [one.id, two.id]),
            givenUp: (1...3 as ClosedRange<UInt64>).map(MemberID.init), record: [7],
            overridesLeader: true)
        async let first = one.recover(recovery)
        async let second = one.recover(recovery)
        let outcomes = await [first, second]
        guard case .done(let place) = outcomes[0] else {
            Issue.record("\(outcomes[0])")
            return
        }
        #expect(outcomes[1] == .done(place) && place.index == status.last.index.next)
        #expect(one.status.generation == Group.forced && one.status.origin == recovery.expected)
        let match = try #require(one.mark(at: two.status.last.index))
        let adopted = await two.adopt(
            Adoption(
                successor: Group.forced, base: recovery.expected, match: match, leader: one.id,
                term: place.term, configuration: recovery.configuration))
        guard case .done = adopted else {
            Issue.record("\(adopted)")
            return
        }
        await cluster.tick { one.status.commit > place.index && two.status.commit > place.index }
        #expect(one.status.commit > place.index && two.status.commit > place.index)
        #expect(one.state == two.state && one.state.contains([7]))
        await cluster.stop()
        #expect(await one.recover(recovery) == .refused(.stopped))
    }

    /// TR-06: each caller hears of its own target.
    @Test func `who asks for another target hears of that one`() async throws {
        let cluster = try Cluster(3)
        await cluster.tick { cluster.leader != nil }
        let leader = try #require(cluster.leader)
        let others = cluster.members.filter { $0.id != leader.id }.map(\.id)
        cluster.hub.isDown.withLock { _ = $0.insert(others[0]) }
        _ = await leader.propose([1])
        async let first = leader.transferLeadership(to: others[0])
        while leader.status.role == .leader, leader.status.leader == leader.id {
            // The first is waiting once proposals are refused because of it.
            if case .refused(.transferring) = await leader.propose([2]) { break }
        }
        let refused = await leader.transferLeadership(to: MemberID(99))
        let second = await leader.transferLeadership(to: others[1])
        #expect(refused == .refused(.noSuchMember))
        #expect(second == .handedOver(to: others[1]))
        #expect(await first == .aborted(target: others[0]))
        await cluster.stop()
    }

    /// TM-02: ticks that pile up while nobody looks count once.
    @Test func `a pause does not fire a burst of ticks`() throws {
        let jobs = Mutex<[@Sendable () -> Void]>([])
        let member = try Member(
            id: MemberID(1), storage: Ledger.storage(), machine: Ledger(), wire: Hub(),
            executors: Member.Executors(
                pipeline: { job in jobs.withLock { $0.append(job) } }, storage: { $0() }),
            seed: 1, clock: { 1 }, observe: { _ in })
        for _ in 0..<600 { member.tick() }
        let waiting = jobs.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        #expect(waiting.count == 1)
        for job in waiting { job() }
        #expect(member.status.role == .follower)
        #expect(member.ticksSeen == 1)
    }
}
