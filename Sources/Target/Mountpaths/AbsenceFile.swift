import Base
import Cluster
import Glibc

/// What was written or removed while one mountpath was away, in a file of the data directory (docs/formats/object-layout.md).
///
/// Appended to, and read once, when the mountpath comes back. A record that was cut short by a power loss was acknowledged to
/// nobody.
struct AbsenceFile: Sendable {
    /// What an older copy on the mountpath must not bring back.
    struct Record: Equatable, Sendable {
        var bucket: Bucket
        var incarnation: Incarnation
        var name: String
        /// Of the set in which it was written or removed: what the mountpath has of it is older.
        var edition: UInt64

        var key: ObjectKey { ObjectKey(bucket, name) }
    }

    private static let magic = Array("MRTLAWAY".utf8)
    private static let format: UInt8 = 1
    private static let flagOffset = 9
    private static let headerBytes = 26
    private static let recordBytesMax = 8 << 10

    private let file: FileDescriptor
    private let path: String
    /// Where the next record goes, and the checksum it begins with.
    private(set) var end: Int
    private var checksum: UInt64
    /// Whether everything is in it that was written or removed since the mountpath left.
    private(set) var isComplete: Bool
    /// Names that are in it.
    private(set) var digests: Set<UInt64> = []

    static func name(of identity: MountpathIdentity) -> String { "away-\(identity)" }

    /// The identities of which there are files.
    static func all(in data: Directory) throws(FileError) -> [String] {
        var names: [String] = []
        try data.forEach(in: "") { bytes, kind in
            let name = String(decoding: bytes, as: UTF8.self)
            if kind == .file, name.hasPrefix("away-") { names.append(name) }
            return true
        }
        return names
    }

    // MARK: Opening

    /// Begins one, in the place of any that is there.
    ///
    /// - Parameters:
    ///   - identity: the mountpath that leaves.
    ///   - data: the target's data directory.
    ///   - isComplete: whether nothing can have been written or removed before.
    /// - Throws: when the data directory cannot be written.
    static func make(
        for identity: MountpathIdentity, in data: Directory, isComplete: Bool
    ) throws(FileError) {
        var writer = ByteWriter()
        writer.write(raw: magic)
        writer.write(format)
        writer.write(UInt8(isComplete ? 1 : 0))
        writer.write(identity.high)
        writer.write(identity.low)
        try SmallFile.replace(name(of: identity), with: writer.bytes, in: data)
    }

    /// Opens the one that is there, and cuts off what was not finished.
    ///
    /// - Throws: ``FileError``, also when it is none of ours (`EBADMSG`).
    init(of identity: MountpathIdentity, in data: Directory) throws(FileError) {
        let name = Self.name(of: identity)
        file = try data.open(name, O_RDWR)
        path = "\(data.path)/\(name)"
        let bytes = try Self.read(file, path, from: 0)
        var reader = ByteReader(bytes)
        let header = (try? reader.readRaw(Self.magic.count), try? reader.readUInt8())
        let flag = try? reader.readUInt8()
        let words = (try? reader.read(UInt64.self), try? reader.read(UInt64.self))
        guard header.0 == Self.magic, header.1 == Self.format, let flag,
            words.0 == identity.high, words.1 == identity.low
        else { throw FileError("read", path, EBADMSG) }
        isComplete = flag == 1
        end = Self.headerBytes
        checksum = Self.start(identity)
        var records: [Record] = []
        let isWhole = Self.parse(bytes[Self.headerBytes...], &records, &checksum, &end)
        digests = Set(records.map(\.key.digest))
        // Behind a damaged record others may have stood.
        if !isWhole { try markIncomplete() }
        guard end < bytes.count else { return }
        guard ftruncate(file.number, off_t(end)) == 0 else {
            throw FileError("truncate", path, errno)
        }
    }

    private static func start(_ identity: MountpathIdentity) -> UInt64 {
        XXH64.digest(Array(identity.description.utf8))
    }

    private static func read(
        _ file: FileDescriptor, _ path: String, from start: Int
    ) throws(FileError) -> [UInt8] {
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw FileError("stat", path, errno) }
        let size = max(0, Int(status.st_size) - start)
        var error: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let result = pread(
                    file.number, buffer.baseAddress.map { $0 + count }, size - count,
                    off_t(start + count))
                if result < 0, errno == EINTR { continue }
                if result < 0 { error = errno }
                if result <= 0 { break }
                count += result
            }
        }
        guard error == 0 else { throw FileError("read", path, error) }
        return bytes
    }

    // MARK: Records

    /// Reads records as far as they are whole.
    ///
    /// - Returns: false when what follows is not merely cut short.
    private static func parse(
        _ bytes: ArraySlice<UInt8>, _ records: inout [Record], _ checksum: inout UInt64,
        _ end: inout Int
    ) -> Bool {
        var reader = ByteReader(bytes)
        while reader.remaining > 0 {
            guard reader.remaining >= 8, let count = try? reader.read(UInt32.self),
                let complement = try? reader.read(UInt32.self)
            else { return true }
            // What was never written out may read as zeros.
            if count == 0, complement == 0 { return bytes[end...].allSatisfy { $0 == 0 } }
            guard complement == ~count, count <= recordBytesMax else { return false }
            guard reader.remaining >= Int(count) + 8 else { return true }
            guard let body = try? reader.readRaw(Int(count)),
                let stored = try? reader.read(UInt64.self),
                stored == XXH64.digest(body, seed: checksum),
                let record = try? Record(decoding: body)
            else { return false }
            checksum = stored
            end += 8 + Int(count) + 8
            records.append(record)
        }
        return true
    }

    /// Writes a record; it survives power loss after ``sync()``.
    mutating func append(_ record: Record) throws(FileError) {
        let body = record.encoded
        let next = XXH64.digest(body, seed: checksum)
        var writer = ByteWriter(capacity: body.count + 16)
        let count = UInt32(body.count)
        writer.write(count)
        // A damaged length must not pass for a record that was cut short.
        writer.write(~count)
        writer.write(raw: body)
        writer.write(next)
        let bytes = writer.bytes
        let written = bytes.withUnsafeBytes {
            pwrite(file.number, $0.baseAddress, $0.count, off_t(end))
        }
        guard written == bytes.count else {
            throw FileError("write", path, written < 0 ? errno : ENOSPC)
        }
        checksum = next
        end += bytes.count
        digests.insert(record.key.digest)
    }

    /// What is to be synced for what was appended.
    var descriptor: FileDescriptor { file }

    /// Notes that something was written which is not in here.
    mutating func markIncomplete() throws(FileError) {
        guard isComplete else { return }
        var flag: UInt8 = 0
        guard pwrite(file.number, &flag, 1, off_t(Self.flagOffset)) == 1,
            fdatasync(file.number) == 0
        else { throw FileError("write", path, errno) }
        isComplete = false
    }

    /// The records behind a place that an earlier call has given, and the place behind them.
    func records(
        from place: (offset: Int, checksum: UInt64)?, of identity: MountpathIdentity
    ) throws(FileError) -> (records: [Record], next: (offset: Int, checksum: UInt64)) {
        var (offset, checksum) = place ?? (Self.headerBytes, Self.start(identity))
        let bytes = try Self.read(file, path, from: offset)
        var records: [Record] = []
        var read = 0
        guard Self.parse(bytes.prefix(end - offset), &records, &checksum, &read) else {
            throw FileError("read", path, EBADMSG)
        }
        offset += read
        return (records, (offset, checksum))
    }
}

extension AbsenceFile.Record {
    fileprivate init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        edition = try reader.read(UInt64.self)
        incarnation = Incarnation(
            id: try reader.read(UInt64.self), created: try reader.read(UInt64.self))
        bucket = try Bucket(from: &reader)
        name = try reader.readString(limit: ObjectName.bytesMax)
        try reader.finish()
    }

    fileprivate var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 64 + name.utf8.count)
        writer.write(edition)
        writer.write(incarnation.id)
        writer.write(incarnation.created)
        bucket.write(to: &writer)
        writer.write(name)
        return writer.bytes
    }
}
