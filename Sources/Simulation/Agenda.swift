/// Events by virtual time; among events of one moment, in the order in which they were planned.
struct Agenda<Event> {
    private struct Item {
        var time: UInt64
        var ordinal: UInt64
        var event: Event

        func precedes(_ other: Item) -> Bool { (time, ordinal) < (other.time, other.ordinal) }
    }

    private var heap: [Item] = []
    private var planned: UInt64 = 0

    var count: Int { heap.count }

    mutating func plan(_ event: Event, at time: UInt64) {
        planned += 1
        heap.append(Item(time: time, ordinal: planned, event: event))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < heap.count && heap[child].precedes(heap[least]) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(least, parent)
                parent = least
            }
        }
        return (first.time, first.event)
    }
}
