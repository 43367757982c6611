package import MetaStore

/// The room of a simulated disk, and a reserve on it.
package final class SimulatedSpace: SpaceMedium, @unchecked Sendable {
    // Safety: a simulation has one thread.
    package static let name = "/metadata.reserve"

    /// So small that it is soon needed.
    package static var limits: SpaceLimits {
        var limits = SpaceLimits()
        limits.reserveBytes = 96 << 10
        limits.lowBytes = 128 << 10
        limits.highBytes = 192 << 10
        limits.lookBytes = 16 << 10
        limits.looksAfterRelease = 2
        return limits
    }

    private let disk: SimulatedDisk

    package init(_ disk: SimulatedDisk) {
        self.disk = disk
        _ = disk.open(Self.name, creating: true)
    }

    package func freeBytes() throws(DatabaseError) -> UInt64 { UInt64(disk.freeBytes) }

    package var reserveBytes: UInt64 { UInt64(disk.size(of: Self.name) ?? 0) }

    package func reserve(_ bytes: UInt64) throws(DatabaseError) {
        let zeros = [UInt8](repeating: 0, count: Int(bytes))
        guard zeros.withUnsafeBytes({ disk.write(Self.name, $0, at: 0) }) == .done else {
            throw DatabaseError(
                kind: .full, code: 0, message: "cannot allocate \(Self.name): disk is full")
        }
        _ = disk.sync(Self.name)
    }

    package func release() throws(DatabaseError) {
        guard disk.truncate(Self.name, to: 0), disk.sync(Self.name) else {
            throw DatabaseError(
                kind: .inputOutput, code: 0, message: "cannot truncate \(Self.name)")
        }
    }
}
