import CSQLite
import Glibc

/// Presents a ``SimulatedDisk`` to SQLite as one of its file systems (https://sqlite.org/vfs.html).
///
/// There is no shared memory: a database in WAL mode works on it only with exclusive locking, which is how the production store
/// opens its file. Time stands still and randomness comes from nowhere but the seed.
package final class SimulatedFileSystem {
    /// What to pass to `sqlite3_open_v2`.
    package let name: String
    private let record: UnsafeMutablePointer<sqlite3_vfs>
    private let nameBytes: UnsafeMutablePointer<CChar>
    private let disk: Unmanaged<SimulatedDisk>

    /// - Parameters:
    ///   - name: unique among the file systems registered at one time.
    ///   - disk: what the files are on.
    package init(name: String, disk: SimulatedDisk) {
        self.name = name
        self.disk = Unmanaged.passRetained(disk)
        let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: name.utf8.count + 1)
        name.withCString { bytes.update(from: $0, count: name.utf8.count + 1) }
        nameBytes = bytes
        record = .allocate(capacity: 1)
        record.initialize(to: sqlite3_vfs())
        record.pointee.iVersion = 1
        record.pointee.szOsFile = Int32(MemoryLayout<OpenFile>.stride)
        record.pointee.mxPathname = 512
        record.pointee.zName = UnsafePointer(nameBytes)
        record.pointee.pAppData = self.disk.toOpaque()
        record.pointee.xOpen = open
        record.pointee.xDelete = { system, path, _ in
            simulatedDisk(of: system).delete(text(path)) ? SQLITE_OK : IOError.deleteFailed
        }
        record.pointee.xAccess = { system, path, _, result in
            result?.pointee = simulatedDisk(of: system).exists(text(path)) ? 1 : 0
            return SQLITE_OK
        }
        record.pointee.xFullPathname = { _, path, size, result in
            guard let path, let result, strlen(path) < Int(size) else { return SQLITE_CANTOPEN }
            memcpy(result, path, strlen(path) + 1)
            return SQLITE_OK
        }
        record.pointee.xRandomness = { _, count, bytes in
            if let bytes { memset(bytes, 7, Int(count)) }
            return count
        }
        record.pointee.xSleep = { _, microseconds in microseconds }
        record.pointee.xCurrentTime = { _, result in
            result?.pointee = 2_460_000
            return SQLITE_OK
        }
        record.pointee.xGetLastError = { system, _, _ in
            simulatedDisk(of: system).faults.isQuota ? EDQUOT : 0
        }
        sqlite3_vfs_register(record, 0)
    }

    deinit {
        sqlite3_vfs_unregister(record)
        record.deallocate()
        nameBytes.deallocate()
        disk.release()
    }
}

/// SQLite's extended result codes; its macros for them do not reach Swift.
private enum IOError {
    static let readFailed = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let writeFailed = SQLITE_IOERR | 3 << 8
    static let syncFailed = SQLITE_IOERR | 4 << 8
    static let truncateFailed = SQLITE_IOERR | 6 << 8
    static let statFailed = SQLITE_IOERR | 7 << 8
    static let deleteFailed = SQLITE_IOERR | 10 << 8
}

/// What SQLite keeps for us per open file; it begins with SQLite's own part.
private struct OpenFile {
    var base: sqlite3_file
    var handle: Unmanaged<FileHandle>?
}

/// An open file of one process life.
private final class FileHandle {
    let disk: SimulatedDisk
    let name: String
    let epoch: Int
    /// A file without a name is SQLite's own scratch space and ends with the handle.
    let isTemporary: Bool

    init(disk: SimulatedDisk, name: String, isTemporary: Bool) {
        self.disk = disk
        self.name = name
        epoch = disk.epoch
        self.isTemporary = isTemporary
    }

    var isAlive: Bool { epoch == disk.epoch }
}

private func text(_ path: UnsafePointer<CChar>?) -> String {
    path.map { String(cString: $0) } ?? ""
}

private func simulatedDisk(of system: UnsafeMutablePointer<sqlite3_vfs>?) -> SimulatedDisk {
    guard let data = system?.pointee.pAppData else {
        preconditionFailure("a file system without its disk")
    }
    return Unmanaged<SimulatedDisk>.fromOpaque(data).takeUnretainedValue()
}

private func open(
    _ system: UnsafeMutablePointer<sqlite3_vfs>?, _ path: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
) -> Int32 {
    guard let file else { return SQLITE_CANTOPEN }
    file.pointee.pMethods = nil
    let disk = simulatedDisk(of: system)
    let name = path == nil ? "temporary-\(disk.operations)" : text(path)
    guard disk.open(name, creating: flags & SQLITE_OPEN_CREATE != 0) else {
        return SQLITE_CANTOPEN
    }
    let handle = FileHandle(disk: disk, name: name, isTemporary: path == nil)
    UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.handle =
        Unmanaged.passRetained(handle)
    file.pointee.pMethods = UnsafePointer(methods)
    outFlags?.pointee = flags
    return SQLITE_OK
}

private func slot(
    _ file: UnsafeMutablePointer<sqlite3_file>?
) -> UnsafeMutablePointer<OpenFile> {
    guard let file else { preconditionFailure("SQLite passed no file") }
    return UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self)
}

/// The handle, as long as the process that opened it lives.
private func handle(_ file: UnsafeMutablePointer<sqlite3_file>?) -> FileHandle? {
    guard let handle = slot(file).pointee.handle?.takeUnretainedValue(), handle.isAlive else {
        return nil
    }
    return handle
}

// Safety: filled once, before the first file is opened, and only read afterwards.
nonisolated(unsafe) private let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: sqlite3_io_methods())
    methods.pointee.iVersion = 1
    methods.pointee.xClose = { file in
        let slot = slot(file)
        if let handle = slot.pointee.handle {
            let open = handle.takeRetainedValue()
            if open.isTemporary, open.isAlive { _ = open.disk.delete(open.name) }
        }
        slot.pointee.handle = nil
        return SQLITE_OK
    }
    methods.pointee.xRead = { file, bytes, count, offset in
        guard let handle = handle(file), let bytes else { return IOError.readFailed }
        let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
        guard let done = handle.disk.read(handle.name, into: buffer, at: Int(offset)) else {
            return IOError.readFailed
        }
        if done == Int(count) { return SQLITE_OK }
        memset(bytes + done, 0, Int(count) - done)
        return IOError.shortRead
    }
    methods.pointee.xWrite = { file, bytes, count, offset in
        guard let handle = handle(file) else { return IOError.writeFailed }
        let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(count))
        return switch handle.disk.write(handle.name, buffer, at: Int(offset)) {
        case .done: SQLITE_OK
        // SQLite knows a file system that is full; of a quota it says that the disk has failed.
        case .full: handle.disk.faults.isQuota ? IOError.writeFailed : SQLITE_FULL
        case .failed: IOError.writeFailed
        }
    }
    methods.pointee.xTruncate = { file, size in
        guard let handle = handle(file) else { return IOError.truncateFailed }
        return handle.disk.truncate(handle.name, to: Int(size)) ? SQLITE_OK : IOError.truncateFailed
    }
    methods.pointee.xSync = { file, _ in
        guard let handle = handle(file) else { return IOError.syncFailed }
        return handle.disk.sync(handle.name) ? SQLITE_OK : IOError.syncFailed
    }
    methods.pointee.xFileSize = { file, size in
        guard let handle = handle(file) else { return IOError.statFailed }
        size?.pointee = Int64(handle.disk.size(of: handle.name) ?? 0)
        return SQLITE_OK
    }
    // One process at a time has the disk, so every lock is granted.
    methods.pointee.xLock = { _, _ in SQLITE_OK }
    methods.pointee.xUnlock = { _, _ in SQLITE_OK }
    methods.pointee.xCheckReservedLock = { _, result in
        result?.pointee = 0
        return SQLITE_OK
    }
    methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    methods.pointee.xSectorSize = { _ in Int32(SimulatedDisk.sectorBytes) }
    methods.pointee.xDeviceCharacteristics = { _ in 0 }
    return methods
}()
