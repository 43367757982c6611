import Base
import Cluster
import Glibc

/// Whether a target can serve now, and if not, why.
struct Readiness {
    /// What is missing, in sentences; empty when the target is ready.
    let missing: [String]

    init(_ target: TargetContext, at now: MonotonicTime) {
        var missing: [String] = []
        let published = target.publisher.current
        if published.isKnown {
            if !Joiner.isJoined(target.node, in: published.state.map) {
                missing.append(
                    "the map of cluster \(published.state.map.clusterID) does not have it at"
                        + " \(target.node.address)")
            }
        } else {
            missing.append("it has no state of its cluster yet")
        }
        let silence = target.config.values.silenceSeconds
        if let isolation = target.status.isolation(at: now, silence: silence) {
            missing.append(isolation)
        }
        let mountpaths = target.store.mountpaths
        if mountpaths.all.isEmpty {
            missing.append(
                "no mountpath takes part"
                    + mountpaths.disabled.map { ", \($0.path): \($0.absence?.reason ?? "")" }
                    .joined())
        }
        for mountpath in mountpaths.all {
            if let problem = Self.problem(mountpath) { missing.append(problem) }
        }
        self.missing = missing
    }

    /// A mountpath is usable when its directory is still there and can be written to.
    private static func problem(_ mountpath: Mountpath) -> String? {
        guard mountpath.isPresent else {
            return "mountpath \(mountpath.path) is gone"
        }
        guard faccessat(mountpath.directory.descriptor.number, ".", W_OK, 0) == 0 else {
            return "mountpath \(mountpath.path) cannot be written to: "
                + String(cString: strerror(errno))
        }
        return nil
    }
}
