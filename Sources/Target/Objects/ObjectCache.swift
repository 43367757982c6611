import Synchronization

/// Objects kept open because they are asked for again and again: at most so many descriptors.
///
/// Entries are checked when they are used, not hunted down when they become old: see ``ObjectGenerations``. Shards
/// with a lock each; within a shard the clock algorithm (Corbató 1968) picks what has to go: an entry used since the
/// hand last came by is spared once.
final class ObjectCache: Sendable {
    private let shards: [Shard]

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private struct State {
        var places: [UInt64: Int] = [:]
        var slots: [Slot] = []
        var hand = 0
    }

    private struct Slot {
        var object: OpenObject
        var wasUsed: Bool
    }

    private let objectsPerShard: Int

    /// Keeps `capacity` open objects at most; with 0, none.
    init(capacity: Int, shards count: Int = 32) {
        shards = (0..<count).map { _ in Shard() }
        objectsPerShard = capacity == 0 ? 0 : max(1, capacity / count)
    }

    /// The object with this digest, whatever has become of it since it was opened.
    @inline(__always)
    func find(_ digest: UInt64) -> OpenObject? {
        shard(of: digest).state.withLock { state in
            guard let place = state.places[digest] else { return nil }
            state.slots[place].wasUsed = true
            return state.slots[place].object
        }
    }

    func insert(_ object: OpenObject) {
        guard objectsPerShard > 0 else { return }
        let digest = object.key.digest
        let evicted = shard(of: digest).state.withLock { state -> OpenObject? in
            if let place = state.places[digest] {
                let old = state.slots[place].object
                state.slots[place] = Slot(object: object, wasUsed: false)
                return old
            }
            if state.slots.count < objectsPerShard {
                state.places[digest] = state.slots.count
                state.slots.append(Slot(object: object, wasUsed: false))
                return nil
            }
            while state.slots[state.hand].wasUsed {
                state.slots[state.hand].wasUsed = false
                state.hand = (state.hand + 1) % state.slots.count
            }
            let old = state.slots[state.hand].object
            state.places[old.key.digest] = nil
            state.places[digest] = state.hand
            state.slots[state.hand] = Slot(object: object, wasUsed: false)
            state.hand = (state.hand + 1) % state.slots.count
            return old
        }
        // Outside the lock: a file call.
        evicted?.writeAccessTime()
    }

    /// Lets go of an object that is known to be old, and of its disk space with it.
    func remove(_ digest: UInt64) {
        let removed = shard(of: digest).state.withLock { state -> OpenObject? in
            guard let place = state.places.removeValue(forKey: digest) else { return nil }
            let old = state.slots[place].object
            let last = state.slots.removeLast()
            if place < state.slots.count {
                state.slots[place] = last
                state.places[last.object.key.digest] = place
            }
            if state.hand >= state.slots.count { state.hand = 0 }
            return old
        }
        withExtendedLifetime(removed) {}
    }

    /// Everything kept now; for writing access times out, and for letting go of destroyed buckets' objects.
    var objects: [OpenObject] {
        shards.flatMap { shard in shard.state.withLock { $0.slots.map(\.object) } }
    }

    var count: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.slots.count } } }

    private func shard(of digest: UInt64) -> Shard {
        shards[Int(digest >> 32 % UInt64(shards.count))]
    }
}
