import Synchronization
import Testing

@testable import HTTP

/// When a loop does what it is asked for.
@Suite struct EventLoopTests {
    private final class Order: Sendable {
        let lines = Mutex<[String]>([])

        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test func `what is left for the end of a turn comes behind all that the turn has brought`()
        async
    {
        let loops = EventLoopGroup(loops: 1)
        let order = Order()
        await loops.loops[0].run {
            loops.atEndOfTurn { order.add("end") }
            loops.loops[0].execute {
                order.add("next")
                loops.loops[0].execute { order.add("after next") }
            }
            order.add("now")
        }
        while order.lines.withLock({ $0.count }) < 4 {
            await loops.loops[0].sleep(nanoseconds: 1_000_000)
        }
        #expect(order.lines.withLock { $0 } == ["now", "next", "after next", "end"])
        // Off the loop there is no turn to wait for.
        loops.atEndOfTurn { order.add("in place") }
        #expect(order.lines.withLock { $0.last } == "in place")
        loops.shutDown()
    }

    @Test func `a loop that ends does what was left for the end of its turn`() async {
        let loops = EventLoopGroup(loops: 1)
        let order = Order()
        let loop = loops.loops[0]
        loop.execute { loop.atEndOfTurn { order.add("end") } }
        loops.shutDown()
        #expect(order.lines.withLock { $0 } == ["end"])
    }
}
