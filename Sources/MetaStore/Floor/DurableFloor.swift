import Base
import Consensus

/// What one replica has promised to others, kept outside the database: should the database ever hold less, the
/// replica knows (docs/decisions/0023, docs/formats/metastore.md).
struct DurableFloor: Equatable {
    var member: MemberID
    var hardState: HardState
    /// The last entry that was confirmed, and the hash chain up to it.
    var last: LogMark
    var chain: UInt64

    private static let magic: [UInt8] = Array("MRTLFLOR".utf8)
    private static let format: UInt8 = 1
    /// A slot lies in one sector: a disk writes it whole or not at all.
    static let slotBytes = 512

    /// The slot with this content; of several slots the one with the highest sequence is the newest.
    func slot(_ sequence: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: Self.slotBytes)
        writer.write(raw: Self.magic)
        writer.write(Self.format)
        writer.write(sequence)
        writer.write(member.rawValue)
        writer.write(block: hardState.document)
        writer.write(last.index.rawValue)
        writer.write(last.term.rawValue)
        writer.write(chain)
        writer.write(XXH64.digest(writer.bytes))
        precondition(writer.bytes.count <= Self.slotBytes, "a slot of \(writer.bytes.count) bytes")
        writer.write(raw: [UInt8](repeating: 0, count: Self.slotBytes - writer.bytes.count))
        return writer.bytes
    }

    /// - Throws: when the slot is empty, torn or damaged.
    static func read(
        slot: ArraySlice<UInt8>
    ) throws(DecodingFailure) -> (floor: DurableFloor, sequence: UInt64) {
        var reader = ByteReader(slot)
        guard try reader.readRaw(magic.count) == magic, try reader.readUInt8() == format else {
            throw DecodingFailure("not a slot", at: 0)
        }
        let sequence = try reader.read(UInt64.self)
        let member = MemberID(try reader.read(UInt64.self))
        let hardState = try reader.readBlock(limit: slotBytes)
        let last = LogMark(
            index: Index(try reader.read(UInt64.self)), term: Term(try reader.read(UInt64.self)))
        let chain = try reader.read(UInt64.self)
        let sealed = Array(slot[slot.startIndex..<reader.offset])
        guard try reader.read(UInt64.self) == XXH64.digest(sealed) else {
            throw DecodingFailure("checksum differs", at: reader.offset)
        }
        let floor = DurableFloor(
            member: member, hardState: try HardState(document: hardState), last: last, chain: chain)
        return (floor, sequence)
    }
}
