import Dispatch
import Synchronization
import Testing

@testable import Consensus

/// What storage puts off holds up nobody whose write is done.
@Suite struct StorageTidyTests {
    /// Storage that tidies up for as long as somebody wants it to.
    private struct SlowToTidy: LogStorage, @unchecked Sendable {
        // Safety: the driver calls from one thread at a time.
        typealias Machine = Ledger
        var memory: MemoryStorage<Ledger>
        let gate: Gate

        final class Gate: Sendable {
            let isShut = Atomic<Bool>(false)
            let opened = DispatchSemaphore(value: 0)
            let visits = Atomic<Int>(0)
        }

        mutating func load() -> RecoveredState<Ledger> { memory.load() }
        mutating func write(_ batch: WriteBatch<Ledger>) { memory.write(batch) }
        mutating func entries(from first: Index, through last: Index, maxBytes: Int) throws
            -> [Entry]
        {
            try memory.entries(from: first, through: last, maxBytes: maxBytes)
        }

        mutating func tidy() {
            gate.visits.add(1, ordering: .relaxed)
            if gate.isShut.load(ordering: .acquiring) { gate.opened.wait() }
        }
    }

    private struct Nowhere: Transport {
        func send(_ envelope: Envelope) {}
    }

    @Test func `a proposal is answered before storage tidies up behind it`() async throws {
        var memory = Ledger.storage()
        memory.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(generation: Group.generation, term: .zero, vote: nil),
                base: LogBase(
                    mark: .zero, time: 0, configuration: Configuration(voters: [MemberID(1)]))))
        let gate = SlowToTidy.Gate()
        let (pipeline, disk) = (DispatchQueue(label: "pipeline"), DispatchQueue(label: "disk"))
        let member = try Driver<SlowToTidy, Nowhere>(
            id: MemberID(1), storage: SlowToTidy(memory: memory, gate: gate), machine: Ledger(),
            wire: Nowhere(),
            executors: .init(
                pipeline: { job in pipeline.async { job() } },
                storage: { job in disk.async { job() } }),
            seed: 1, clock: { 1 }, observe: { _ in })
        for _ in 0..<2_000 where member.status.commit == .zero {
            member.tick()
            try await Task.sleep(for: .milliseconds(1))
        }
        let before = gate.visits.load(ordering: .relaxed)
        gate.isShut.store(true, ordering: .releasing)
        guard case .applied = await member.propose([1]) else {
            Issue.record("it was not applied")
            return
        }
        gate.isShut.store(false, ordering: .releasing)
        // One for each visit that may have come upon it.
        for _ in 0..<10 { gate.opened.signal() }
        _ = await member.stop()
        #expect(gate.visits.load(ordering: .relaxed) > before)
    }
}
