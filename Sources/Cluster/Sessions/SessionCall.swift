import Base

/// Names one request of a client's session: the same again is the same request, wherever it is sent.
public struct SessionCall: Hashable, Sendable {
    /// The position of the entry that opened the session: no other session of any branch of the log has it.
    public var session: LogPosition
    /// Chosen by the client, one higher for each new request; from 1.
    public var sequence: UInt64

    public init(_ session: LogPosition, sequence: UInt64) {
        self.session = session
        self.sequence = sequence
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        session = try LogPosition(from: &reader)
        sequence = try reader.read(UInt64.self)
    }

    func write(to writer: inout ByteWriter) {
        session.write(to: &writer)
        writer.write(sequence)
    }
}

/// What is done with sessions themselves.
public enum SessionChange: Equatable, Sendable {
    /// Opens one, named by the entry's position; it ends when the log's time is so many nanoseconds past its last use.
    case open(lifetime: UInt64)
    case keepAlive(LogPosition)
    case close(LogPosition)
    /// Uses a sequence number up for a refusal that was decided before the log: unless an earlier copy of the request has
    /// an outcome already, this is the outcome from now on.
    case refuse(code: String, message: String)

    private enum Kind: UInt8 {
        case open = 1
        case keepAlive = 2
        case close = 3
        case refuse = 4
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let start = reader.offset
        let code = try reader.readUInt8()
        guard let kind = Kind(rawValue: code) else {
            throw DecodingFailure("change \(code) of a session", at: start)
        }
        switch kind {
        case .open: self = .open(lifetime: try reader.read(UInt64.self))
        case .keepAlive: self = .keepAlive(try LogPosition(from: &reader))
        case .close: self = .close(try LogPosition(from: &reader))
        case .refuse:
            self = .refuse(
                code: try reader.readString(limit: Session.textBytesMax),
                message: try reader.readString(limit: Session.textBytesMax))
        }
    }

    func write(to writer: inout ByteWriter) {
        switch self {
        case .open(let lifetime):
            writer.write(Kind.open.rawValue)
            writer.write(lifetime)
        case .keepAlive(let id):
            writer.write(Kind.keepAlive.rawValue)
            id.write(to: &writer)
        case .close(let id):
            writer.write(Kind.close.rawValue)
            id.write(to: &writer)
        case .refuse(let code, let message):
            writer.write(Kind.refuse.rawValue)
            writer.write(code)
            writer.write(message)
        }
    }
}
