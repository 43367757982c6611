/// Events by virtual time; among events of one moment, in the order in which they were planned.
///
/// The heap holds small keys; the events, which are large, stay where they were put.
struct Agenda<Event> {
    private struct Key {
        var time: UInt64
        var ordinal: UInt64
        var place: Int

        func precedes(_ other: Key) -> Bool {
            time < other.time || (time == other.time && ordinal < other.ordinal)
        }
    }

    private var heap: [Key] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var planned: UInt64 = 0

    var count: Int { heap.count }

    /// When the next event is due; `nil` when there is none.
    var nextTime: UInt64? { heap.first?.time }

    mutating func plan(_ event: Event, at time: UInt64) {
        planned += 1
        let place: Int
        if let reused = free.popLast() {
            place = reused
            events[place] = event
        } else {
            place = events.count
            events.append(event)
        }
        let key = Key(time: time, ordinal: planned, place: place)
        heap.append(key)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard key.precedes(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = key
    }

    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = heap.first, let event = events[first.place].take() else { return nil }
        free.append(first.place)
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.time, event) }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(last) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
        return (first.time, event)
    }
}
