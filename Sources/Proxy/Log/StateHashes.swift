import Cluster
import Synchronization

/// The hashes of the last states, to tell whether a follower's state is the same.
final class StateHashes: Sendable {
    private struct Ring {
        var entries: [(position: LogPosition, hash: UInt64)] = []
        var next = 0
    }

    private let ring = Mutex(Ring())

    func note(_ state: ClusterState) {
        ring.withLock { ring in
            let entry = (state.position, state.hash)
            if ring.entries.count < Limits.hashesKept {
                ring.entries.append(entry)
            } else {
                ring.entries[ring.next] = entry
            }
            ring.next = (ring.next + 1) % Limits.hashesKept
        }
    }

    /// - Returns: `nil` when the state at this position is not known any more.
    func hash(at position: LogPosition) -> UInt64? {
        ring.withLock { ring in
            // The newest first: followers are rarely far behind.
            let count = ring.entries.count
            for step in 1...max(1, count) where count > 0 {
                let entry = ring.entries[(ring.next - step + count) % count]
                if entry.position == position { return entry.hash }
                if entry.position < position { return nil }
            }
            return nil
        }
    }
}
