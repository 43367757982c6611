public import Base

/// What a forced recovery has done: by whom, from what, and what it gave up.
///
/// It is the first entry of the generation it begins, so whoever takes part in that generation has it.
public struct RecoveryRecord: Equatable, Sendable {
    /// A generation of the cluster; the higher one wins wherever two meet.
    public struct Generation: Hashable, Comparable, Sendable {
        public var counter: UInt64
        /// Random: tells two recoveries apart that were made at once.
        public var nonce: UInt64

        public init(counter: UInt64, nonce: UInt64) {
            self.counter = counter
            self.nonce = nonce
        }

        public static func < (left: Generation, right: Generation) -> Bool {
            (left.counter, left.nonce) < (right.counter, right.nonce)
        }
    }

    /// An entry that the survivor held and did not know to be committed. It was kept.
    public struct TailEntry: Equatable, Sendable {
        public var index: UInt64
        public var term: UInt64
        /// ``Command/name``, or `primary`, or `configuration`.
        public var command: String

        public init(index: UInt64, term: UInt64, command: String) {
            self.index = index
            self.term = term
            self.command = command
        }
    }

    /// Of a cluster all of whose proxies were lost: it goes on from what a target had cached of its state.
    public struct Foundation: Equatable, Sendable {
        /// The founder, as it is put on the map.
        public var founder: Node
        /// The hash of the state that it goes on from, at ``RecoveryRecord/base``.
        public var stateHash: UInt64
        /// Where that state was: a target's URL, or a path.
        public var source: String
        /// Every cached state that was found, with its position.
        public var witnesses: [String]
        /// The proxies of the old map, with the addresses at which they may come back.
        public var left: [Node]

        public init(
            founder: Node, stateHash: UInt64, source: String, witnesses: [String], left: [Node]
        ) {
            self.founder = founder
            self.stateHash = stateHash
            self.source = String(source.prefix(Self.textMax))
            self.witnesses = witnesses.prefix(Self.witnessesMax).map {
                String($0.prefix(Self.textMax))
            }
            self.left = Array(left.prefix(Self.leftMax))
        }

        // All of it has to fit into one record of the log (``LogRecord/bytesMax``).
        /// Characters; in UTF-8 four times as many bytes at most.
        static let textMax = 120
        public static let witnessesMax = 64
        public static let leftMax = 128
    }

    private static let format: UInt8 = 1
    /// With a foundation behind the token.
    private static let foundationFormat: UInt8 = 2
    /// So many records are kept, the newest.
    public static let keptMax = 100
    /// No group has more members.
    public static let membersMax = 1_024
    /// Of a longer tail the last are listed; all of it is in the log.
    public static let tailListedMax = 256
    public static let tokenBytesMax = 256

    /// The generation that was begun.
    public var generation: Generation
    /// The last entry before it, in the generation that was left.
    public var base: LogPosition
    /// The hash chain of the survivor's log up to there.
    public var chain: UInt64
    /// The proxy that began the generation, and is its first primary.
    public var candidate: NodeID
    /// The proxies that go on voting, the candidate among them.
    public var survivors: [NodeID]
    /// The proxies that were declared dead; they are taken off the map.
    public var dead: [NodeID]
    /// What the survivor knew to be committed; everything after it up to the base is the tail.
    public var committed: UInt64
    /// The tail, or the end of it.
    public var tail: [TailEntry]
    /// Of the plan that was applied.
    public var token: String
    /// `nil` when a proxy's own log was gone on from.
    public var foundation: Foundation?
    /// Filled in by ``ClusterState``: who asked, from where, under which name, and when.
    public internal(set) var actor = ""
    public internal(set) var clientAddress = ""
    public internal(set) var requestID = ""
    public internal(set) var time = Timestamp(nanoseconds: 0)

    public init(
        generation: Generation, base: LogPosition, chain: UInt64, candidate: NodeID,
        survivors: [NodeID], dead: [NodeID], committed: UInt64, tail: [TailEntry], token: String,
        foundation: Foundation? = nil
    ) {
        self.generation = generation
        self.base = base
        self.chain = chain
        self.candidate = candidate
        self.survivors = survivors
        self.dead = dead
        self.committed = committed
        self.tail = Array(tail.suffix(Self.tailListedMax))
        self.token = token
        self.foundation = foundation
    }

    /// How many entries the survivor kept without knowing that they were committed.
    public var tailCount: UInt64 { base.index - min(base.index, committed) }
}

// Coding: the command has the fields up to the token, the row all of them.
extension RecoveryRecord {
    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let format = try reader.readUInt8()
        guard format == Self.format || format == Self.foundationFormat else {
            throw .unknownFormat(
                format, of: "recovery record", known: Self.foundationFormat, at: start)
        }
        generation = Generation(
            counter: try reader.read(UInt64.self), nonce: try reader.read(UInt64.self))
        base = try LogPosition(from: &reader)
        chain = try reader.read(UInt64.self)
        candidate = try Self.node(&reader)
        survivors = try Self.nodes(&reader)
        dead = try Self.nodes(&reader)
        committed = try reader.read(UInt64.self)
        tail = []
        for _ in 0..<(try Self.count(&reader, max: Self.tailListedMax)) {
            tail.append(
                TailEntry(
                    index: try reader.read(UInt64.self), term: try reader.read(UInt64.self),
                    command: try reader.readString(limit: 64)))
        }
        token = try reader.readString(limit: Self.tokenBytesMax)
        foundation = format == Self.foundationFormat ? try Foundation(from: &reader) : nil
    }

    init(row reader: inout ByteReader) throws(DecodingFailure) {
        try self.init(from: &reader)
        actor = try reader.readString(limit: 256)
        clientAddress = try reader.readString(limit: 256)
        requestID = try reader.readString(limit: 256)
        time = Timestamp(nanoseconds: try reader.read(UInt64.self))
    }

    fileprivate static func count(
        _ reader: inout ByteReader, max: Int
    ) throws(DecodingFailure) -> Int {
        let start = reader.offset
        let count = Int(try reader.read(UInt32.self))
        guard count <= max else { throw DecodingFailure("\(count) in a list of \(max)", at: start) }
        return count
    }

    private static func node(_ reader: inout ByteReader) throws(DecodingFailure) -> NodeID {
        let start = reader.offset
        guard let id = NodeID(try reader.readString(limit: NodeID.bytesMax)) else {
            throw DecodingFailure("not a node id", at: start)
        }
        return id
    }

    private static func nodes(_ reader: inout ByteReader) throws(DecodingFailure) -> [NodeID] {
        var nodes: [NodeID] = []
        for _ in 0..<(try count(&reader, max: membersMax)) { nodes.append(try node(&reader)) }
        return nodes
    }

    func write(to writer: inout ByteWriter) {
        // Without a foundation as older builds write it, so that states keep their hashes.
        writer.write(foundation == nil ? Self.format : Self.foundationFormat)
        writer.write(generation.counter)
        writer.write(generation.nonce)
        base.write(to: &writer)
        writer.write(chain)
        writer.write(candidate.text)
        for nodes in [survivors, dead] {
            writer.write(UInt32(nodes.count))
            for node in nodes { writer.write(node.text) }
        }
        writer.write(committed)
        writer.write(UInt32(tail.count))
        for entry in tail {
            writer.write(entry.index)
            writer.write(entry.term)
            writer.write(entry.command)
        }
        writer.write(token)
        foundation?.write(to: &writer)
    }

    func write(row writer: inout ByteWriter) {
        write(to: &writer)
        writer.write(actor)
        writer.write(clientAddress)
        writer.write(requestID)
        writer.write(time.nanoseconds)
    }
}

extension RecoveryRecord.Foundation {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        founder = try Node(from: &reader)
        stateHash = try reader.read(UInt64.self)
        source = try reader.readString(limit: 4 * Self.textMax)
        witnesses = []
        for _ in 0..<(try RecoveryRecord.count(&reader, max: Self.witnessesMax)) {
            witnesses.append(try reader.readString(limit: 4 * Self.textMax))
        }
        left = []
        for _ in 0..<(try RecoveryRecord.count(&reader, max: Self.leftMax)) {
            left.append(try Node(from: &reader))
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        founder.write(to: &writer)
        writer.write(stateHash)
        writer.write(source)
        writer.write(UInt32(witnesses.count))
        for witness in witnesses { writer.write(witness) }
        writer.write(UInt32(left.count))
        for node in left { node.write(to: &writer) }
    }
}
