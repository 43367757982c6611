/// One sleeper. Belongs to the loop it sleeps on.
final class Timer: @unchecked Sendable {
    // Safety: read and written on one loop only.
    let deadline: UInt64
    var continuation: UnsafeContinuation<Bool, Never>?

    init(deadline: UInt64) {
        self.deadline = deadline
    }

    /// Resumes the sleeper once; later calls do nothing.
    func fire(_ passed: Bool) {
        guard let continuation else { return }
        self.continuation = nil
        continuation.resume(returning: passed)
    }
}

/// Timers, the earliest on top (a binary heap). A cancelled one stays until its time comes.
struct TimerHeap {
    private var heap: [Timer] = []

    /// The earliest deadline, or `UInt64.max`.
    var first: UInt64 { heap.first?.deadline ?? .max }

    mutating func add(_ timer: Timer) {
        heap.append(timer)
        var index = heap.count - 1
        while index > 0, heap[(index - 1) / 2].deadline > heap[index].deadline {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func fire(until now: UInt64) {
        while let timer = heap.first, timer.deadline <= now {
            removeFirst()
            timer.fire(true)
        }
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        if heap.isEmpty { return }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
