import Glibc

/// How full the filesystem of a mountpath is.
package struct Capacity: Equatable, Sendable {
    package var path: String
    package var device: DeviceNumber
    package var totalBytes: UInt64
    package var usedBytes: UInt64
    /// What this process may still write; less than what is free, where some is kept for root.
    package var availableBytes: UInt64

    package init(
        path: String, device: DeviceNumber, totalBytes: UInt64, usedBytes: UInt64,
        availableBytes: UInt64
    ) {
        self.path = path
        self.device = device
        self.totalBytes = totalBytes
        self.usedBytes = usedBytes
        self.availableBytes = availableBytes
    }

    /// Asks the filesystem; a disk that hangs, hangs here, so this is for a pool.
    ///
    /// - Returns: `nil` when it does not answer, which `what=mountpaths` and readiness tell more of.
    package static func read(_ path: String) -> Capacity? {
        var filesystem = statvfs()
        var status = stat()
        guard statvfs(path, &filesystem) == 0, stat(path, &status) == 0 else { return nil }
        let block = UInt64(filesystem.f_frsize)
        return Capacity(
            path: path, device: DeviceNumber(UInt64(status.st_dev)),
            totalBytes: UInt64(filesystem.f_blocks) &* block,
            usedBytes: (UInt64(filesystem.f_blocks) &- UInt64(filesystem.f_bfree)) &* block,
            availableBytes: UInt64(filesystem.f_bavail) &* block)
    }

    /// Of what can be used at all, as `df` says it.
    package var usedPercent: Double {
        let usable = Double(usedBytes) + Double(availableBytes)
        return usable == 0 ? 0 : Double(usedBytes) * 100 / usable
    }

    /// Filesystems, each once, however many mountpaths lie on it.
    package static func filesystems(_ capacities: [Capacity]) -> [Capacity] {
        var seen: Set<DeviceNumber> = []
        return capacities.filter { seen.insert($0.device).inserted }
    }
}
