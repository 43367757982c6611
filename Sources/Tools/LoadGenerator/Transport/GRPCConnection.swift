/// Unary gRPC calls over one HTTP/2 connection, one at a time: as much of it as measuring a peer takes.
///
/// RFC 9113 and RFC 7541: header fields are sent as literals without indexing, and those received are not decoded.
/// A call that failed is known by its answer having no message.
final class GRPCConnection {
    private let socket: BlockingSocket
    private let authority: [UInt8]
    private var inbox: [UInt8] = []
    private var stream: UInt32 = 0
    /// What may still be sent before the server grants more.
    private var sendWindow = 0
    /// What the server may still send.
    private var receiveWindow = 0

    private static let windowInitial = 65_535
    private static let windowMax = 1 << 30

    private enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let reset: UInt8 = 3
    }

    private enum Flag {
        static let endStream: UInt8 = 1
        static let acknowledged: UInt8 = 1
        static let endHeaders: UInt8 = 4
    }

    init(to address: ServerAddress) {
        socket = BlockingSocket(to: address)
        authority = Array(address.description.utf8)
    }

    func close() {
        socket.close()
        inbox = []
    }

    /// Calls a method and waits for its answer.
    ///
    /// - Parameters:
    ///   - method: `/package.Service/Method`.
    ///   - message: the request, encoded.
    /// - Returns: the length of the answer's message.
    /// - Throws: ``LoadFailure``; the connection begins anew with the next call.
    func call(_ method: String, _ message: [UInt8]) throws(LoadFailure) -> Int {
        do throws(LoadFailure) {
            try open()
            return try exchange(method, message)
        } catch {
            close()
            throw error
        }
    }

    private func open() throws(LoadFailure) {
        guard !socket.isOpen else { return }
        try socket.connectIfNeeded()
        stream = 0
        sendWindow = Self.windowInitial
        receiveWindow = Self.windowMax
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        // No pushes (2 is 0), and windows (4) that one answer never fills.
        let settings: [UInt8] = [0, 2, 0, 0, 0, 0, 0, 4, 0x40, 0, 0, 0]
        Self.frame(Kind.settings, 0, stream: 0, settings, to: &bytes)
        Self.frame(
            Kind.windowUpdate, 0, stream: 0,
            Self.bytes(of: UInt32(Self.windowMax - Self.windowInitial)), to: &bytes)
        try socket.send(bytes)
    }

    private func exchange(_ method: String, _ message: [UInt8]) throws(LoadFailure) -> Int {
        stream = stream == 0 ? 1 : stream + 2
        guard stream < 1 << 31 else { throw .closed }
        guard message.count + 5 <= sendWindow else { throw .malformed("grpc: no window") }
        sendWindow -= message.count + 5
        var bytes: [UInt8] = []
        Self.frame(
            Kind.headers, Flag.endHeaders, stream: stream, fields(method), to: &bytes)
        Self.frame(
            Kind.data, Flag.endStream, stream: stream,
            [0] + Self.bytes(of: UInt32(message.count)) + message, to: &bytes)
        try socket.send(bytes)
        var received: Int?
        while true {
            let (kind, flags, on, payload) = try readFrame()
            switch kind {
            case Kind.data where on == stream:
                try consumed(payload.count)
                // The prefix of a message is five bytes; a longer answer comes in several frames.
                received = (received ?? -5) + payload.count
            case Kind.settings where flags & Flag.acknowledged == 0:
                var reply: [UInt8] = []
                Self.frame(Kind.settings, Flag.acknowledged, stream: 0, [], to: &reply)
                try socket.send(reply)
            case Kind.ping where flags & Flag.acknowledged == 0:
                var reply: [UInt8] = []
                Self.frame(Kind.ping, Flag.acknowledged, stream: 0, Array(payload), to: &reply)
                try socket.send(reply)
            case Kind.windowUpdate where on == 0 && payload.count == 4:
                sendWindow += Int(Self.number(payload) & 0x7FFF_FFFF)
            case Kind.goAway: throw .closed
            case Kind.reset where on == stream: throw .malformed("grpc: reset")
            default: break
            }
            guard on == stream, kind == Kind.headers || kind == Kind.data,
                flags & Flag.endStream != 0
            else { continue }
            guard let received, received >= 0 else { throw .malformed("grpc: no message") }
            return received
        }
    }

    private func consumed(_ count: Int) throws(LoadFailure) {
        receiveWindow -= count
        guard receiveWindow < Self.windowMax / 2 else { return }
        var bytes: [UInt8] = []
        Self.frame(
            Kind.windowUpdate, 0, stream: 0,
            Self.bytes(of: UInt32(Self.windowMax - receiveWindow)), to: &bytes)
        receiveWindow = Self.windowMax
        try socket.send(bytes)
    }

    private func readFrame() throws(LoadFailure) -> (
        kind: UInt8, flags: UInt8, stream: UInt32, payload: ArraySlice<UInt8>
    ) {
        try fill(9)
        let length = Int(Self.number(inbox[0..<3]))
        guard length <= 1 << 20 else { throw .malformed("grpc: frame too long") }
        try fill(9 + length)
        let frame = inbox[..<(9 + length)]
        inbox.removeFirst(9 + length)
        return (
            frame[3], frame[4], UInt32(Self.number(frame[5..<9]) & 0x7FFF_FFFF), frame[9...]
        )
    }

    /// Receives until that much is in the inbox.
    private func fill(_ count: Int) throws(LoadFailure) {
        while inbox.count < count {
            let result = withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 8) {
                piece -> Result<[UInt8], LoadFailure> in
                Result { () throws(LoadFailure) in
                    Array(
                        UnsafeRawBufferPointer(
                            rebasing: piece[..<(try socket.receive(into: piece))]))
                }
            }
            let bytes = try result.get()
            guard !bytes.isEmpty else { throw .closed }
            inbox += bytes
        }
    }

    // MARK: coding

    private func fields(_ method: String) -> [UInt8] {
        // Indexed: POST (3), http (6); named by index: path (4), authority (1), content type (31).
        [0x83, 0x86, 0x04] + Self.text(Array(method.utf8)) + [0x01] + Self.text(authority)
            + [0x0F, 0x10] + Self.text(Array("application/grpc".utf8))
            + [0x00] + Self.text(Array("te".utf8)) + Self.text(Array("trailers".utf8))
    }

    /// A string without Huffman coding; none here is longer than seven bits can say.
    private static func text(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 127)
        return [UInt8(bytes.count)] + bytes
    }

    private static func frame(
        _ kind: UInt8, _ flags: UInt8, stream: UInt32, _ payload: [UInt8], to bytes: inout [UInt8]
    ) {
        bytes += Self.bytes(of: UInt32(payload.count))[1...]
        bytes += [kind, flags]
        bytes += Self.bytes(of: stream)
        bytes += payload
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
