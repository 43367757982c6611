import Base

/// The set of mountpaths that counts now.
final class MountpathTable: Sendable {
    /// Each upload looks at it several times, on more threads than there are cores.
    private let newest: ReadWriteLock<MountpathSet>
    /// Whether any mountpath takes part: without one the target leaves the map.
    let isUsable: Watched<Bool>

    init(_ set: MountpathSet) {
        newest = ReadWriteLock(set)
        isUsable = Watched(!set.all.isEmpty)
    }

    var current: MountpathSet { newest.read { $0 } }

    func replace(by next: MountpathSet) {
        newest.write { $0 = next }
        let isUsable = !next.all.isEmpty
        if self.isUsable.value != isUsable { self.isUsable.set(isUsable) }
    }
}
