import Base
import Cluster
import Synchronization

/// Directories whose names are known to survive power loss, so that each is made sure of once and not at every PUT.
///
/// A directory found on disk proves nothing: an earlier life of the process may have made it a moment before the
/// power failed. Kept by hash and bounded; forgetting one costs an fsync.
final class DurableNames: Sendable {
    private static let namesMax = 1 << 16
    private let known = Mutex<Set<UInt64>>([])

    init() {}

    func contains(
        _ name: String, _ incarnation: Incarnation, _ mountpath: Mountpath
    ) -> Bool {
        let hash = Self.hash(name, incarnation, mountpath)
        return known.withLock { $0.contains(hash) }
    }

    func insert(_ name: String, _ incarnation: Incarnation, _ mountpath: Mountpath) {
        let hash = Self.hash(name, incarnation, mountpath)
        known.withLock { known in
            if known.count >= Self.namesMax { known.removeAll() }
            known.insert(hash)
        }
    }

    private static func hash(
        _ name: String, _ incarnation: Incarnation, _ mountpath: Mountpath
    ) -> UInt64 {
        var hash = XXH64(seed: mountpath.serial ^ incarnation.id)
        withUnsafeBytes(of: incarnation.created) { hash.update($0) }
        hash.update(name)
        return hash.finish()
    }
}
