public import Base

/// What one committed entry has changed, by whom, and what was there before: a line of the history.
///
/// It follows from the log alone, so every replica that applied the entry has the same. Rows are kept as they were
/// stored, and read by ``changes``; what is shown of them can change without a new format.
public struct HistoryEntry: Equatable, Sendable {
    /// A row that differs; `nil` where it did not exist.
    public struct Row: Equatable, Sendable {
        public let kind: StateRow.Kind
        public let key: [UInt8]
        public let before: [UInt8]?
        public let after: [UInt8]?
    }

    private static let format: UInt8 = 1
    /// More rows than any command touches but a setting taken back at a great many nodes.
    private static let rowsMax = 65_536

    public let position: LogPosition
    /// The entry's, stamped by the primary that proposed it.
    public let time: Timestamp
    /// ``Command/name``, or `primary` for the first entry of a term.
    public let command: String
    public let actor: String
    public let clientAddress: String
    public let requestID: String
    public let rows: [Row]

    /// There is none when nothing differs.
    ///
    /// - Parameters:
    ///   - record: what was applied; `nil` for the first entry of a term.
    ///   - note: of the hand-over that led to the first entry of a term.
    ///   - time: the entry's.
    ///   - changed: the rows that the entry touched.
    ///   - before: the state it met.
    ///   - after: the state it left.
    public init?(
        _ record: LogRecord?, note: TransferNote? = nil, time: Timestamp,
        changed: some Sequence<StateRow.Change>,
        before: ClusterState, after: ClusterState
    ) {
        var rows: [Row] = []
        // The last change of a row says what it holds now.
        for change in changed.reversed()
        where change.kind.isInHistory && !rows.contains(where: { $0.isSame(change) }) {
            rows.append(
                Row(
                    kind: change.kind, key: change.key,
                    before: before.row(change.kind, change.key), after: change.value))
        }
        rows.removeAll { $0.before == $0.after }
        guard !rows.isEmpty else { return nil }
        rows.sort { $0.isBefore($1) }
        position = after.position
        self.time = time
        command = record?.command.name ?? "primary"
        actor = record?.actor ?? after.map.primary?.text ?? ""
        clientAddress = record?.clientAddress ?? note?.clientAddress ?? ""
        requestID = record?.requestID ?? note?.requestID ?? ""
        self.rows = rows
    }

    /// Whether nothing was changed before it.
    public var isFounding: Bool { command == "found" }

    /// What an entry is about, for finding those about one thing.
    public struct Subjects: OptionSet, Sendable {
        public let rawValue: UInt64

        public init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        public static let map = Subjects(rawValue: 1)
        public static let buckets = Subjects(rawValue: 2)
        public static let config = Subjects(rawValue: 4)
        public static let all: Subjects = [.map, .buckets, .config]
    }

    /// Told from the kinds of its rows, without reading them: it is asked for at every change.
    public var subjects: Subjects {
        rows.reduce(into: []) { subjects, row in
            switch row.kind {
            case .cluster: subjects.formUnion(row.raised)
            case .node, .rebalance, .mountpathNotes, .recovery, .decommission:
                subjects.insert(.map)
            case .bucket: subjects.insert(.buckets)
            case .config: if row.changesOptions { subjects.insert(.config) }
            case .nodeConfig: subjects.insert(.config)
            case .session, .endedRebalance: break
            }
        }
    }

    // MARK: Coding

    public init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard format == Self.format else {
            throw DecodingFailure("history entry of format \(format)", at: 0)
        }
        position = try LogPosition(from: &reader)
        time = Timestamp(nanoseconds: try reader.read(UInt64.self))
        command = try reader.readString(limit: 64)
        actor = try reader.readString(limit: 256)
        clientAddress = try reader.readString(limit: 256)
        requestID = try reader.readString(limit: 256)
        let count = Int(try reader.read(UInt32.self))
        guard count <= Self.rowsMax else { throw DecodingFailure("\(count) rows", at: 0) }
        var rows: [Row] = []
        for _ in 0..<count {
            let start = reader.offset
            guard let kind = StateRow.Kind(rawValue: try reader.readUInt8()) else {
                throw DecodingFailure("row of unknown kind", at: start)
            }
            rows.append(
                Row(
                    kind: kind, key: try reader.readBlock(),
                    before: try reader.readBool() ? try reader.readBlock() : nil,
                    after: try reader.readBool() ? try reader.readBlock() : nil))
        }
        self.rows = rows
        try reader.finish()
    }

    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(Self.format)
        position.write(to: &writer)
        writer.write(time.nanoseconds)
        writer.write(command)
        writer.write(actor)
        writer.write(clientAddress)
        writer.write(requestID)
        writer.write(UInt32(rows.count))
        for row in rows {
            writer.write(row.kind.rawValue)
            writer.write(block: row.key)
            for value in [row.before, row.after] {
                writer.write(value != nil)
                if let value { writer.write(block: value) }
            }
        }
        return writer.bytes
    }
}

extension HistoryEntry.Row {
    /// By kind and key, the shorter key first.
    fileprivate func isBefore(_ other: Self) -> Bool {
        if kind != other.kind { return kind.rawValue < other.kind.rawValue }
        if key.count != other.key.count { return key.count < other.key.count }
        return key.lexicographicallyPrecedes(other.key)
    }

    fileprivate func isSame(_ change: StateRow.Change) -> Bool {
        kind == change.kind && key == change.key
    }
}
