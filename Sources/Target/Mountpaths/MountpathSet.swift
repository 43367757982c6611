import Cluster
import Glibc

/// All mountpaths of a target; which of them an object belongs on follows from their paths alone.
struct MountpathSet: Sendable {
    let all: [Mountpath]

    init(_ all: [Mountpath]) {
        precondition(!all.isEmpty, "a target without mountpaths")
        self.all = all
    }

    /// Claims the directories, in the order given.
    init(claiming paths: [String], for node: NodeID) throws(MountpathError) {
        let cleaned = paths.map { Mountpath.cleaned($0) }
        let real = cleaned.map { Self.realPath($0) }
        for inner in real.indices {
            for outer in real.indices where outer != inner {
                if real[inner] == real[outer] { throw .same(cleaned[inner], cleaned[outer]) }
                if real[inner].hasPrefix(real[outer] == "/" ? "/" : real[outer] + "/") {
                    throw .nested(cleaned[inner], inside: cleaned[outer])
                }
            }
        }
        var all: [Mountpath] = []
        for path in cleaned { all.append(try Mountpath(claiming: path, for: node)) }
        self.init(all)
    }

    /// The mountpath an object belongs on: highest random weight over their paths' digests, the later one of equals.
    func owner(of digest: UInt64) -> Mountpath {
        var best = all[0]
        var bestWeight = Placement.weight(best.digest, digest)
        for mountpath in all.dropFirst() {
            let weight = Placement.weight(mountpath.digest, digest)
            if weight >= bestWeight {
                best = mountpath
                bestWeight = weight
            }
        }
        return best
    }

    /// Symbolic links resolved, so that one directory under two names is noticed.
    private static func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
