import Base
import Cluster

/// Directories whose names are known to survive power loss, so that each is made sure of once and not at every PUT.
///
/// A directory found on disk proves nothing: an earlier life of the process may have made it a moment before the
/// power failed. Kept by hash and bounded; forgetting one costs an fsync.
final class DurableNames: Sendable {
    private static let namesMax = 1 << 16
    private struct Known {
        var names: Set<UInt64> = []
        var epoch = 0
    }

    private let known = ReadWriteLock(Known())

    init() {}

    func contains(
        _ name: String, _ incarnation: Incarnation, _ mountpath: Mountpath
    ) -> Bool {
        let hash = Self.hash(name, incarnation, mountpath)
        return known.read { $0.names.contains(hash) }
    }

    /// Raised by ``forget()``: what was made sure of before may be about directories that are elsewhere now.
    var epoch: Int { known.read { $0.epoch } }

    /// Notes a directory that was made sure of since `epoch`.
    func insert(
        _ name: String, _ incarnation: Incarnation, _ mountpath: Mountpath, since epoch: Int
    ) {
        let hash = Self.hash(name, incarnation, mountpath)
        known.write { known in
            guard known.epoch == epoch else { return }
            if known.names.count >= Self.namesMax { known.names.removeAll() }
            known.names.insert(hash)
        }
    }

    /// Directories were moved away that may be made again, in the same life of their bucket.
    func forget() {
        known.write { known in
            known.names = []
            known.epoch += 1
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
