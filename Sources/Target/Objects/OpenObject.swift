import Base
import CLinux
import Glibc
import Synchronization

/// An object as it was found by one open: descriptor, size, attributes, and the headers that go with every answer.
///
/// The file behind the descriptor never changes, because objects are replaced by rename; so a reader sees one
/// version, whole, however long it takes.
final class OpenObject: Sendable {
    let file: FileDescriptor
    let key: ObjectKey
    /// The key's text in bytes, for comparing without a String.
    let keyBytes: [UInt8]
    let incarnation: Incarnation
    let size: Int
    let attributes: ObjectAttributes
    /// Header lines that are the same in every answer.
    let renderedHeaders: [UInt8]
    /// The number of ``ObjectGenerations`` taken before the open.
    let generation: UInt64
    /// The last state by which a GET of this object was permitted; see ``StatePublisher``.
    let permittedBy = Atomic<UInt64>(0)
    /// Nanoseconds since 1970; in memory, and written to the file by ``writeAccessTime(now:)``.
    private let accessTime: Atomic<UInt64>
    private let writtenAccessTime: Atomic<UInt64>

    init(
        file: FileDescriptor, key: ObjectKey, incarnation: Incarnation, status: stat,
        attributes: ObjectAttributes, generation: UInt64
    ) {
        self.file = file
        self.key = key
        self.incarnation = incarnation
        self.attributes = attributes
        self.generation = generation
        keyBytes = Array(key.text.utf8)
        size = Int(status.st_size)
        renderedHeaders = ObjectHeaders.rendered(attributes)
        let time = Self.nanoseconds(status.st_atim)
        accessTime = Atomic(time)
        writtenAccessTime = Atomic(time)
    }

    static func nanoseconds(_ time: timespec) -> UInt64 {
        UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_nsec))
    }

    var lastAccess: UInt64 { accessTime.load(ordering: .relaxed) }

    /// Notes an access.
    ///
    /// - Returns: when the one before it was.
    func access(at now: UInt64) -> UInt64 {
        accessTime.exchange(now, ordering: .relaxed)
    }

    /// Writes the access time to the file when it is further behind than `lag` allows. The modification time stays.
    func writeAccessTime(lag: UInt64 = TargetLimits.accessTimeLagNanoseconds) {
        let latest = accessTime.load(ordering: .relaxed)
        let written = writtenAccessTime.load(ordering: .relaxed)
        guard latest > written, latest - written > lag else { return }
        writtenAccessTime.store(latest, ordering: .relaxed)
        var times = (
            timespec(
                tv_sec: Int(latest / 1_000_000_000), tv_nsec: Int(latest % 1_000_000_000)),
            timespec(tv_sec: 0, tv_nsec: Self.omitted)
        )
        withUnsafePointer(to: &times) {
            $0.withMemoryRebound(to: timespec.self, capacity: 2) { _ = futimens(file.number, $0) }
        }
    }

    /// UTIME_OMIT.
    private static let omitted = (1 << 30) - 2
}

extension OpenObject {
    /// XXH64 of the bytes, read anew. For a pool.
    func checksum() throws(FileError) -> String {
        var hash = XXH64()
        var offset = 0
        let piece = TargetLimits.pieceBytes
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
        defer { buffer.deallocate() }
        while offset < size {
            let count = pread(
                file.number, buffer.baseAddress, min(piece, size - offset), off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw FileError("read", key.text, count < 0 ? errno : EIO)
            }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += count
        }
        return Hex.padded(hash.finish())
    }
}
