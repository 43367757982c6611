/// The head of a response, and its body to be read. Dropping it before the body's end ends the connection.
package final class ClientResponse: Sendable {
    package let status: Status
    package let headers: Headers
    private let call: ClientCall

    init(_ call: ClientCall, _ status: Status, _ headers: Headers) {
        self.call = call
        self.status = status
        self.headers = headers
    }

    /// Reads some of the body into memory that stays valid until the call returns.
    ///
    /// - Returns: the number of bytes, 0 at the end.
    package func read(
        into buffer: UnsafeMutableRawBufferPointer
    ) async throws(ClientError) -> Int {
        guard buffer.count > 0 else { return 0 }
        // Safety: used by this call alone, which is awaited.
        nonisolated(unsafe) let buffer = buffer
        return try await call.loop.run { () async throws(ClientError) -> Int in
            try await self.call.read(into: buffer)
        }
    }

    /// The next piece of the body, or `nil` at its end.
    package func next(upTo count: Int = 64 * 1024) async throws(ClientError) -> [UInt8]? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        let length = try await read(into: buffer)
        return length == 0 ? nil : Array(buffer.prefix(length))
    }

    /// The whole body. Beyond `limit` the connection is given up.
    package func collect(upTo limit: Int) async throws(ClientError) -> [UInt8] {
        var body: [UInt8] = []
        while let piece = try await next() {
            guard body.count + piece.count <= limit else {
                close()
                throw .tooLarge
            }
            body += piece
        }
        return body
    }

    /// Gives the rest of the body up.
    package func close() {
        call.close()
    }
}
