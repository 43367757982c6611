import Base
import Synchronization

/// How this process is asked to end from within: by a request instead of a signal.
final class Ending: Sendable {
    /// Opened when the process is to end, whoever says so.
    let latch: Latch
    private let isWholeCluster = Atomic<Bool>(false)
    private let beginsAnew = Atomic<Bool>(false)
    private let isFailure = Atomic<Bool>(false)

    init(_ latch: Latch) {
        self.latch = latch
    }

    /// Whether a primary that ends hands over: nobody could take over when all end.
    var handsOver: Bool { !isWholeCluster.load(ordering: .acquiring) }

    /// Whether the program is to begin again when this process has ended its work.
    var restarts: Bool { beginsAnew.load(ordering: .acquiring) }

    /// Whether the process ends because it must not go on.
    var hasFailed: Bool { isFailure.load(ordering: .acquiring) }

    func fail() {
        isFailure.store(true, ordering: .releasing)
        latch.open()
    }

    func restart() {
        beginsAnew.store(true, ordering: .releasing)
        latch.open()
    }

    func begin(withWholeCluster: Bool = false) {
        isWholeCluster.store(withWholeCluster, ordering: .releasing)
        latch.open()
    }
}
