import Base
import Synchronization
import Testing

/// Values that tasks wait for.
@Suite struct WatchedTests {
    /// Remembers which values it was asked about.
    private final class Asked: Sendable {
        let values = Mutex<[Int]>([])

        func fits(_ value: Int, _ wanted: Int) -> Bool {
            values.withLock { $0.append(value) }
            return value == wanted
        }

        func count(of value: Int) -> Int {
            values.withLock { $0.count { $0 == value } }
        }
    }

    private static func begin(_ watched: Watched<Int>, _ asked: Asked) async -> Task<Int?, Never> {
        let task = Task { await watched.first { asked.fits($0, 3) } }
        while asked.count(of: 0) == 0 { await Task.yield() }
        return task
    }

    /// A state is published with every entry of the log, and most tasks wait for rare ones.
    @Test func `a value that does not fit wakes nobody`() async {
        let (watched, asked) = (Watched(0), Asked())
        let task = await Self.begin(watched, asked)
        watched.set(1)
        // Whoever changes the value asks.
        #expect(asked.count(of: 1) == 1)
        watched.set(2)
        watched.set(3)
        #expect(await task.value == 3)
        // Who was woken by them would have looked as well.
        #expect(asked.count(of: 1) == 1 && asked.count(of: 2) == 1)
    }

    @Test func `a value that has passed when its waiter looks is waited for again`() async {
        let (watched, asked) = (Watched(0), Asked())
        let task = await Self.begin(watched, asked)
        for _ in 0..<1_000 {
            watched.set(3)
            watched.set(4)
        }
        watched.set(3)
        #expect(await task.value == 3)
    }

    @Test func `a wait that is cancelled ends, and leaves nothing behind`() async {
        let (watched, asked) = (Watched(0), Asked())
        let task = await Self.begin(watched, asked)
        task.cancel()
        #expect(await task.value == nil)
        watched.set(1)
        #expect(asked.count(of: 1) == 0)
    }
}
