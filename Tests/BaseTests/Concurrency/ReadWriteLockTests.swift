import Base
import Testing

@Suite struct ReadWriteLockTests {
    @Test func `readers see a change whole, and every change counts`() async {
        let lock = ReadWriteLock((first: 0, second: 0))
        let torn = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<2_000 { lock.write { $0 = ($0.first + 1, $0.second + 1) } }
                    return false
                }
                group.addTask {
                    (0..<4_000).contains { _ in lock.read { $0.first != $0.second } }
                }
            }
            return await group.contains { $0 }
        }
        #expect(!torn)
        #expect(lock.read { $0.first } == 8_000)
    }

    @Test func `readers do not wait for each other`() {
        let lock = ReadWriteLock(7)
        lock.read { outer in
            let done = WorkerThread.start("reader") { _ = lock.read { $0 } }
            done.join()
            #expect(outer == 7)
        }
    }
}
