public import Base

extension ClusterState {
    private static let snapshotFormat: UInt8 = 1

    /// The whole state in one block: format, position, row count, rows, and XXH64 over all that.
    ///
    /// Equal states give equal bytes. Compression is the business of whoever stores or sends it.
    public var snapshot: [UInt8] {
        let rows = self.rows
        var writer = ByteWriter(capacity: 64 + rows.count * 256)
        writer.write(Self.snapshotFormat)
        position.write(to: &writer)
        writer.write(UInt32(rows.count))
        for row in rows {
            writer.write(row.kind.rawValue)
            writer.write(block: row.key)
            writer.write(block: row.value)
        }
        writer.write(XXH64.digest(writer.bytes))
        return writer.bytes
    }

    /// - Throws: ``Base/DecodingFailure`` for a newer format, a checksum that differs, or a row that does not decode.
    public init(snapshot bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count > 8 else { throw DecodingFailure("snapshot is cut short", at: 0) }
        let body = bytes[..<(bytes.count - 8)]
        var trailer = ByteReader(bytes[body.endIndex...])
        guard try trailer.read(UInt64.self) == body.withUnsafeBytes({ XXH64.digest($0) }) else {
            throw DecodingFailure("snapshot's checksum differs", at: body.endIndex)
        }
        var reader = ByteReader(body)
        let format = try reader.readUInt8()
        guard format == Self.snapshotFormat else {
            throw .unknownFormat(format, of: "snapshot", known: Self.snapshotFormat, at: 0)
        }
        let position = try LogPosition(from: &reader)
        var rows: [StateRow] = []
        for _ in 0..<(try reader.read(UInt32.self)) {
            let start = reader.offset
            let code = try reader.readUInt8()
            guard let kind = StateRow.Kind(rawValue: code) else {
                throw StateRow.unknownKind(code, at: start)
            }
            rows.append(
                StateRow(kind: kind, key: try reader.readBlock(), value: try reader.readBlock()))
        }
        try reader.finish()
        try self.init(rows: rows, position: position)
    }
}
