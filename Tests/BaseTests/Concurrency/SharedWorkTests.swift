import Base
import Dispatch
import Synchronization
import Testing

@Suite struct SharedWorkTests {
    private final class Tally: Sendable {
        private let counts = Mutex((made: 0, now: 0, most: 0))

        func begin() -> Int {
            counts.withLock {
                $0.made += 1
                $0.now += 1
                $0.most = max($0.most, $0.now)
                return $0.made
            }
        }

        func end() { counts.withLock { $0.now -= 1 } }

        var made: Int { counts.withLock { $0.made } }
        var most: Int { counts.withLock { $0.most } }
    }

    @Test func `who asks for the same while it is made gets it without making it again`() async {
        let work = SharedWork<String, Int>(name: "test")
        let tally = Tally()
        let gate = DispatchSemaphore(value: 0)
        let isMaking = Latch()
        async let first = work.value(for: "a") {
            isMaking.open()
            gate.wait()
            return tally.begin()
        }
        await isMaking.wait()
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await work.value(for: "a") {
                        tally.begin()
                    }
                }
            }
            while work.waiters(for: "a") < 9 { await Task.yield() }
            gate.signal()
            for await value in group { #expect(value == 1) }
        }
        #expect(await first == 1)
        #expect(tally.made == 1)
        // It is over, and nothing is kept.
        #expect(work.waiters(for: "a") == 0)
        #expect(await work.value(for: "a") { 2 } == 2)
    }

    @Test func `one piece is made after the other, and each key has its own`() async {
        let work = SharedWork<Int, Int>(name: "test")
        let tally = Tally()
        await withTaskGroup(of: (Int, Int).self) { group in
            for key in 0..<40 {
                group.addTask {
                    let value = await work.value(for: key) {
                        _ = tally.begin()
                        defer { tally.end() }
                        return key * key
                    }
                    return (key, value)
                }
            }
            for await (key, value) in group { #expect(value == key * key) }
        }
        #expect(tally.most == 1)
    }
}
