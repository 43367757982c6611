/// What a disk has done since the machine was started: a line of `/proc/diskstats`.
package struct DiskActivity: Equatable, Sendable {
    package var device: DeviceNumber
    package var name: String
    package var bytesRead: UInt64
    package var bytesWritten: UInt64
    /// Milliseconds in which it had something to do.
    package var busyMilliseconds: UInt64

    /// The kernel counts in sectors of 512 bytes, whatever the disk's own are.
    private static let sectorBytes: UInt64 = 512

    static func read() -> [DiskActivity] {
        parse(ProcFile.read("/proc/diskstats"))
    }

    /// Lines that do not read as a disk are left out.
    package static func parse(_ text: String) -> [DiskActivity] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 13, let major = UInt32(words[0]), let minor = UInt32(words[1]),
                let read = UInt64(words[5]), let written = UInt64(words[9]),
                let busy = UInt64(words[12])
            else { return nil }
            return DiskActivity(
                device: DeviceNumber(major: major, minor: minor), name: String(words[2]),
                bytesRead: read &* sectorBytes, bytesWritten: written &* sectorBytes,
                busyMilliseconds: busy)
        }
    }
}

/// Bytes per second, and the share of the time in which a disk was busy, in percent.
package struct DiskRates: Equatable, Sendable {
    package var name: String
    package var readPerSecond: UInt64
    package var writtenPerSecond: UInt64
    package var busyPercent: UInt64

    /// The rates of those of `now` that lie below `devices`, against what they had done `nanoseconds` earlier.
    package static func between(
        _ before: [DiskActivity], _ now: [DiskActivity], nanoseconds: UInt64,
        devices: Set<DeviceNumber>
    ) -> [DiskRates] {
        now.filter { devices.contains($0.device) }.map { disk in
            let old = before.first { $0.device == disk.device && $0.name == disk.name }
            func rate(_ field: (DiskActivity) -> UInt64, _ scale: Double) -> UInt64 {
                guard let old, nanoseconds > 0, field(disk) >= field(old) else { return 0 }
                return UInt64(Double(field(disk) - field(old)) * scale / Double(nanoseconds))
            }
            return DiskRates(
                name: disk.name, readPerSecond: rate(\.bytesRead, 1e9),
                writtenPerSecond: rate(\.bytesWritten, 1e9),
                busyPercent: min(100, rate(\.busyMilliseconds, 1e6 * 100)))
        }
    }
}

/// A block device, as `st_dev` and the kernel's tables name it.
package struct DeviceNumber: Hashable, Sendable {
    package let major: UInt32
    package let minor: UInt32

    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// glibc's layout of `dev_t` (`gnu_dev_major`, `gnu_dev_minor`).
    package init(_ device: UInt64) {
        major = UInt32((device >> 8) & 0xFFF) | UInt32((device >> 32) & 0xFFFF_F000)
        minor = UInt32(device & 0xFF) | UInt32((device >> 12) & 0xFFFF_FF00)
    }
}
