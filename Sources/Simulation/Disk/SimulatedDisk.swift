import Base

/// A disk in memory that forgets what was not flushed.
///
/// Every write is kept apart until its file is synced. A power cut keeps a random legal rest of those writes: whole
/// sectors, in any combination, so that writes are lost, torn and reordered as a real disk may. The production store runs on it
/// unchanged, through SQLite's own file-system interface (see ``SimulatedFileSystem``).
///
/// Not for several threads.
package final class SimulatedDisk {
    /// Trouble that the next operations meet.
    package struct Faults: Sendable {
        /// Operations that still succeed; then the power is gone and everything fails.
        package var operationsUntilPowerCut: Int?
        /// The next sync reports an error, and what it should have kept may be lost.
        package var failsNextSync = false
        /// Bytes that all files together may have; more is "disk full".
        package var capacityBytes: Int?
        /// What limits it is a quota, and not the size of the disk.
        package var isQuota = false
        /// A file that may not grow, as one whose disk is full while others have theirs.
        package var fullFile: String?

        package init() {}
    }

    /// What a disk writes whole or not at all.
    package static let sectorBytes = 512

    package var faults = Faults()
    /// Every sync is acknowledged and none is carried out, until the disk is thrown away.
    package var liesAboutSyncs = false
    /// Operations carried out, for choosing a crash point.
    package private(set) var operations = 0
    package private(set) var syncs = 0
    /// Handles of an older epoch belong to a process that is dead.
    private(set) var epoch = 0
    private var files: [String: FileImage] = [:]
    private var random: SeededRandom

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// The power fails: un-flushed writes are lost, torn or kept at random, and every open handle is dead.
    package func cutPower() {
        epoch += 1
        faults = Faults()
        // All, none or some: the extremes find other defects than the middle.
        let keep = [0.0, 0.5, 0.9, 1.0][Int(random.next(upperBound: 4 as UInt64))]
        for name in files.keys.sorted() {
            guard var file = files[name] else { continue }
            let survives = file.cutPower(keeping: keep, using: &random)
            files[name] = survives ? file : nil
        }
    }

    /// The process dies; the kernel, and so every write it was given, lives on.
    package func killProcess() {
        epoch += 1
    }

    /// Changes one bit of what is durably stored.
    package func flipBit(of name: String, at offset: Int) {
        files[name]?.flipBit(at: offset)
    }

    /// Files as they are, for ``restore(_:)``; without content: there is none of this name.
    package func copy(_ names: [String]) -> [String: FileImage?] {
        [String: FileImage?](uniqueKeysWithValues: names.map { ($0, files[$0]) })
    }

    package func restore(_ copy: [String: FileImage?]) {
        for name in copy.keys.sorted() { files[name] = copy[name] ?? nil }
    }

    func lose(_ names: [String]) {
        for name in names { files[name] = nil }
    }

    package func size(of name: String) -> Int? { files[name]?.current.count }

    /// What all files together have.
    var bytesInUse: Int { files.values.reduce(0) { $0 + $1.current.count } }

    /// What they may still grow by.
    var freeBytes: Int {
        faults.capacityBytes.map { max(0, $0 - bytesInUse) } ?? .max / 4
    }

    // MARK: What the file system asks for

    func exists(_ name: String) -> Bool { files[name] != nil }

    func open(_ name: String, creating: Bool) -> Bool {
        if files[name] != nil { return true }
        guard creating, operate() else { return false }
        files[name] = FileImage()
        return true
    }

    func delete(_ name: String) -> Bool {
        guard operate() else { return false }
        files[name] = nil
        return true
    }

    /// - Returns: how many bytes there were to copy; `nil` when the disk is dead.
    func read(_ name: String, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int? {
        guard isPowered, let file = files[name] else { return nil }
        let count = max(0, min(buffer.count, file.current.count - offset))
        guard count > 0 else { return 0 }
        file.current.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
        }
        return count
    }

    enum WriteResult {
        case done
        case full
        case failed
    }

    func write(_ name: String, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> WriteResult {
        guard operate() else { return .failed }
        let size = files[name]?.current.count ?? 0
        let growth = max(0, offset + bytes.count - size)
        if let capacity = faults.capacityBytes,
            growth > 0, bytesInUse + growth > capacity
        {
            return .full
        }
        if growth > 0, name == faults.fullFile { return .full }
        files[name]?.write(bytes, at: offset)
        return .done
    }

    func truncate(_ name: String, to size: Int) -> Bool {
        guard operate() else { return false }
        files[name]?.truncate(to: size)
        return true
    }

    func sync(_ name: String) -> Bool {
        guard operate() else { return false }
        syncs += 1
        if faults.failsNextSync {
            faults.failsNextSync = false
            return false
        }
        if !liesAboutSyncs { files[name]?.sync() }
        return true
    }

    private var isPowered: Bool { faults.operationsUntilPowerCut != 0 }

    private func operate() -> Bool {
        guard isPowered else { return false }
        operations += 1
        if let left = faults.operationsUntilPowerCut { faults.operationsUntilPowerCut = left - 1 }
        return true
    }
}
