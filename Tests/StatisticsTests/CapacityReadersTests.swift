import HTTP
import Testing

@testable import Statistics

/// How full the filesystems are, asked by many at once.
@Suite struct CapacityReadersTests {
    @Test func `those that answer are there in order, and others are left out`() async {
        let group = EventLoopGroup(loops: 1)
        let readers = CapacityReaders()
        let paths = ["/proc", "/there/is/no/such/path", "/"]
        for _ in 1...3 {
            let found = await readers.read(paths, on: group.loops[0])
            #expect(found.map(\.path) == ["/proc", "/"])
        }
        #expect(await readers.read(["/"], on: group.loops[0]).map(\.path) == ["/"])
        #expect(await readers.read([], on: group.loops[0]).isEmpty)
        group.shutDown()
    }

    @Test func `many who ask at once are all answered`() async {
        let group = EventLoopGroup(loops: 1)
        let (loop, readers) = (group.loops[0], CapacityReaders())
        let answered = await withTaskGroup(of: Bool.self) { tasks in
            for _ in 0..<200 {
                tasks.addTask { await readers.read(["/"], on: loop).count == 1 }
            }
            return await tasks.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(answered == 200)
        group.shutDown()
    }
}
