public import Base

/// What a log entry carries: one ``Command``, who asked for it, and the state the proposer had.
///
/// The entry around it has the index, the term and the leader-stamped time. Format 1, or 2 when the change belongs to a
/// session or rests on versions; a reader that meets a newer format or an unknown command stops applying and says so:
/// skipping would let replicas differ.
public struct LogRecord: Equatable, Sendable {
    private static let plainFormat: UInt8 = 1
    private static let format: UInt8 = 2
    /// One for each document.
    public static let preconditionsMax = Precondition.Document.allCases.count
    /// The longest actor, client address and request id, in bytes.
    public static let textBytesMax = 256
    /// More than the largest command needs (names and properties are bounded), and far below a frame.
    public static let bytesMax = 64 * 1_024

    public var command: Command
    /// Who asked: a user when there is authentication, else the node that proposed on its own behalf.
    public var actor: String
    /// The client's `ip:port`; empty for a node's own proposals.
    public var clientAddress: String
    /// Names the request across retries and nodes.
    public var requestID: String
    /// The applied index of the proposer, and the state's hash there (see ``ClusterState/hash``).
    public var stateIndex: UInt64
    public var stateHash: UInt64
    /// The client's own name for the request, within its session.
    public var call: SessionCall?
    /// What must hold when the change is made, else it is refused.
    public var preconditions: [Precondition]

    public init(
        _ command: Command, actor: String, clientAddress: String = "", requestID: String = "",
        stateIndex: UInt64 = 0, stateHash: UInt64 = 0, call: SessionCall? = nil,
        preconditions: [Precondition] = []
    ) {
        self.command = command
        self.actor = actor
        self.clientAddress = clientAddress
        self.requestID = requestID
        self.stateIndex = stateIndex
        self.stateHash = stateHash
        self.call = call
        self.preconditions = preconditions
    }

    public init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let format = try reader.readUInt8()
        guard Self.plainFormat...Self.format ~= format else {
            throw .unknownFormat(format, of: "log record", known: Self.format, at: 0)
        }
        actor = try reader.readString(limit: Self.textBytesMax)
        clientAddress = try reader.readString(limit: Self.textBytesMax)
        requestID = try reader.readString(limit: Self.textBytesMax)
        stateIndex = try reader.read(UInt64.self)
        stateHash = try reader.read(UInt64.self)
        preconditions = []
        if format == Self.format {
            if try reader.readBool() { call = try SessionCall(from: &reader) }
            let start = reader.offset
            let count = try reader.readUInt8()
            guard count <= Self.preconditionsMax else {
                throw DecodingFailure("\(count) preconditions", at: start)
            }
            for _ in 0..<count { preconditions.append(try Precondition(from: &reader)) }
        }
        command = try Command(from: &reader)
        try reader.finish()
    }

    /// The state that whoever proposed a coded record had, without decoding the rest.
    ///
    /// - Returns: `nil` when the record tells none, is of a format that is not known here, or is no record.
    public static func proposerState(in bytes: [UInt8]) -> (index: UInt64, hash: UInt64)? {
        var reader = ByteReader(bytes)
        do throws(DecodingFailure) {
            let format = try reader.readUInt8()
            guard plainFormat...Self.format ~= format else { return nil }
            for _ in 0..<3 { try reader.skipBlock(limit: textBytesMax) }
            let index = try reader.read(UInt64.self)
            return index == 0 ? nil : (index, try reader.read(UInt64.self))
        } catch {
            return nil
        }
    }

    /// What a coded record asks for, without decoding or copying the rest of it.
    ///
    /// - Returns: `nil` for a format or a kind that is not known here, or bytes that are no record.
    public static func kind(in bytes: [UInt8]) -> Command.Kind? {
        var reader = ByteReader(bytes)
        do throws(DecodingFailure) {
            let format = try reader.readUInt8()
            guard plainFormat...Self.format ~= format else { return nil }
            for _ in 0..<3 { try reader.skipBlock(limit: textBytesMax) }
            try reader.skip(16)
            if format == Self.format {
                if try reader.readBool() { try reader.skip(40) }
                try reader.skip(Int(try reader.readUInt8()) * 9)
            }
            return Command.Kind(rawValue: try reader.readUInt8())
        } catch {
            return nil
        }
    }

    public var encoded: [UInt8] {
        let isPlain = call == nil && preconditions.isEmpty
        var writer = ByteWriter(capacity: 256)
        writer.write(isPlain ? Self.plainFormat : Self.format)
        writer.write(actor)
        writer.write(clientAddress)
        writer.write(requestID)
        writer.write(stateIndex)
        writer.write(stateHash)
        if !isPlain {
            writer.write(call != nil)
            call?.write(to: &writer)
            writer.write(UInt8(preconditions.count))
            for precondition in preconditions { precondition.write(to: &writer) }
        }
        command.write(to: &writer)
        return writer.bytes
    }
}
