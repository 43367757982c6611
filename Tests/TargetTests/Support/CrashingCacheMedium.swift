import Glibc
import Synchronization

@testable import Target

/// A disk in memory under a cached state: it knows what would survive the process, and what a power loss. One call fails, or is the
/// last one that happens.
final class CrashingCacheMedium: StateCacheMedium {
    private struct File {
        var written: [UInt8] = []
        var durable: [UInt8] = []
    }

    private struct Disk {
        var files: [File] = []
        /// Names as the process sees them, and as they are after a power loss.
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var present: Int?
        var draft: Int?
        var calls = 0
        var hasCrashed = false
    }

    private static let name = "cached-state"
    private static let aside = "cached-state.damaged"
    private static let new = "cached-state.new"
    private let disk = Mutex(Disk())
    /// The call that fails, from 1; what an append has written by then, half or not at all.
    private let failing: Int?
    /// Whether everything after it fails as well.
    private let isCrash: Bool
    /// Called when a draft was written: what happens while a file is being replaced.
    let drafted = Mutex<(@Sendable () -> Void)?>(nil)

    init(failing: Int? = nil, isCrash: Bool = false) {
        self.failing = failing
        self.isCrash = isCrash
    }

    var calls: Int { disk.withLock { $0.calls } }
    var hasCrashed: Bool { disk.withLock { $0.hasCrashed } }

    /// What the next process finds.
    func content(afterPowerLoss: Bool, of name: String = name) -> [UInt8]? {
        disk.withLock { disk in
            let names = afterPowerLoss ? disk.durableNames : disk.names
            return names[name].map {
                afterPowerLoss ? disk.files[$0].durable : disk.files[$0].written
            }
        }
    }

    var asideContent: [UInt8]? { content(afterPowerLoss: false, of: Self.aside) }

    private func call(_ body: (inout Disk, _ fails: Bool) -> Void) throws(FileError) {
        let isWell = disk.withLock { disk -> Bool in
            disk.calls += 1
            guard !disk.hasCrashed else { return false }
            let fails = disk.calls == failing
            body(&disk, fails)
            if fails, isCrash { disk.hasCrashed = true }
            return !fails
        }
        guard isWell else { throw FileError("call", "disk", EIO) }
    }

    func read() throws(FileError) -> [UInt8]? {
        disk.withLock { disk in
            guard let place = disk.names[Self.name] else { return nil }
            if disk.present == nil { disk.present = place }
            return disk.files[place].written
        }
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        try call { disk, fails in
            guard let place = disk.present else { return }
            disk.files[place].written += fails ? bytes.prefix(bytes.count / 2) : bytes[...]
        }
    }

    func sync() throws(FileError) {
        try call { disk, fails in
            guard let place = disk.present, !fails else { return }
            disk.files[place].durable = disk.files[place].written
        }
    }

    func draft(_ bytes: [UInt8]) throws(FileError) {
        try call { disk, fails in
            let written = fails ? Array(bytes.prefix(bytes.count / 2)) : bytes
            disk.files.append(File(written: written, durable: written))
            disk.draft = disk.files.count - 1
            disk.names[Self.new] = disk.draft
        }
        drafted.withLock { $0 }?()
    }

    func appendToDraft(_ bytes: [UInt8]) throws(FileError) {
        try call { disk, fails in
            guard let place = disk.draft else { return }
            disk.files[place].written += fails ? bytes.prefix(bytes.count / 2) : bytes[...]
        }
    }

    func installDraft() throws(FileError) {
        try call { disk, fails in
            guard let place = disk.draft, !fails else { return }
            disk.names[Self.name] = place
            disk.names[Self.new] = nil
            (disk.present, disk.draft) = (place, nil)
        }
    }

    func syncNames() throws(FileError) {
        try call { disk, fails in if !fails { disk.durableNames = disk.names } }
    }

    func keepAside() throws(FileError) {
        try call { disk, fails in
            if !fails { disk.names[Self.aside] = disk.names[Self.name] }
        }
    }

    func setAside() throws(FileError) {
        try call { disk, fails in
            guard !fails else { return }
            disk.names[Self.aside] = disk.names.removeValue(forKey: Self.name)
            disk.present = nil
        }
    }

    /// Puts a file there that an earlier process has left.
    func leave(_ bytes: [UInt8]) {
        disk.withLock { disk in
            disk.files.append(File(written: bytes, durable: bytes))
            disk.names[Self.name] = disk.files.count - 1
            disk.durableNames = disk.names
        }
    }
}
