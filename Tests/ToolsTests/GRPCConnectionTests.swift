import Base
import Glibc
import Synchronization
import Testing

@testable import LoadGenerator

/// The gRPC client of the benchmark, against a server that answers with given frames.
@Suite struct GRPCConnectionTests {
    private static let settings = frame(4, 0, 0, [])
    private static let headers = frame(1, 4, 1, [0x88])
    private static let trailers = frame(1, 5, 1, [0x40])

    @Test func `an answer's message is counted over all its frames`() throws {
        let server = try FrameServer(
            answer: Self.settings + Self.headers + frame(0, 0, 1, [0, 0, 0, 0, 6, 1, 2])
                + frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]) + frame(0, 0, 1, [3, 4, 5, 6])
                + Self.trailers)
        let connection = GRPCConnection(to: server.address)
        #expect(try connection.call("/a.B/C", [9, 9]) == 6)
        connection.close()
        let received = server.received
        #expect(received.starts(with: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)))
        // The request's message with its prefix, in a frame that ends the stream.
        #expect(received.contains(frame(0, 1, 1, [0, 0, 0, 0, 2, 9, 9])))
        // Settings and ping are acknowledged.
        #expect(received.contains(frame(4, 1, 0, [])))
        #expect(received.contains(frame(6, 1, 0, [1, 2, 3, 4, 5, 6, 7, 8])))
    }

    @Test(arguments: [
        // Trailers alone: the call failed.
        settings + frame(1, 5, 1, [0x88]),
        // The stream is reset.
        settings + headers + frame(3, 0, 1, [0, 0, 0, 2]),
        // The server goes away.
        settings + frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
        // The connection ends in the middle of a frame.
        settings + [0, 0, 9, 0, 0],
        // A frame longer than any that was allowed.
        [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
    ])
    func `a call without an answer is a failure`(_ answer: [UInt8]) throws {
        let server = try FrameServer(answer: answer)
        let connection = GRPCConnection(to: server.address)
        #expect(throws: LoadFailure.self) { try connection.call("/a.B/C", []) }
    }
}

private func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0, 0, UInt8(payload.count), kind, flags, 0, 0, 0, stream] + payload
}

/// Takes one connection, answers with given bytes, and keeps what it receives until the other side closes.
private final class FrameServer: Sendable {
    let address: ServerAddress
    private let bytes = Mutex<[UInt8]>([])
    private let ended = Mutex(false)

    init(answer: [UInt8]) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isListening)
        address = ServerAddress(host: 0x7F00_0001, port: UInt16(bigEndian: name.sin_port))
        _ = WorkerThread.start("frames") {
            let client = accept(listener, nil, nil)
            close(listener)
            _ = answer.withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // Half closed: what has been sent ends here, what the client says is still heard.
            shutdown(client, Int32(SHUT_WR))
            var piece = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(client, &piece, piece.count, 0)
                if count <= 0 { break }
                self.bytes.withLock { $0 += piece[..<count] }
            }
            close(client)
            self.ended.withLock { $0 = true }
        }
    }

    /// All that came, once the client has closed.
    var received: [UInt8] {
        while !ended.withLock({ $0 }) { usleep(1000) }
        return bytes.withLock { $0 }
    }
}

extension [UInt8] {
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        part.count <= count
            && (0...(count - part.count)).contains { self[$0...].starts(with: part) }
    }
}
