import Base
import Synchronization

/// The set of mountpaths that counts now.
final class MountpathTable: Sendable {
    private let newest: Mutex<MountpathSet>
    /// Whether any mountpath takes part: without one the target leaves the map.
    let isUsable: Watched<Bool>

    init(_ set: MountpathSet) {
        newest = Mutex(set)
        isUsable = Watched(!set.all.isEmpty)
    }

    var current: MountpathSet { newest.withLock { $0 } }

    func replace(by next: MountpathSet) {
        newest.withLock { $0 = next }
        let isUsable = !next.all.isEmpty
        if self.isUsable.value != isUsable { self.isUsable.set(isUsable) }
    }
}
