/// What one worker asks servers with: connections it keeps, redirects it follows.
final class HTTPClient {
    struct Answer {
        let status: Int
        let bodyCount: Int
    }

    private var connections: [ServerAddress: Connection] = [:]
    private let followsRedirects: Bool

    init(followsRedirects: Bool) { self.followsRedirects = followsRedirects }

    /// Sends one request and reads its answer whole.
    ///
    /// - Parameters:
    ///   - method: in capitals.
    ///   - address: the server asked first.
    ///   - path: percent-encoded, with its query.
    ///   - body: sent with its length; with redirects followed, only once a server asks for it.
    ///   - buffer: where the answer's body goes, as far as it fits.
    /// - Returns: the final answer's status and the length of its body.
    /// - Throws: ``LoadFailure`` when no whole answer came.
    func send(
        _ method: String, to address: ServerAddress, path: String,
        body: UnsafeRawBufferPointer? = nil, into buffer: UnsafeMutableRawBufferPointer
    ) throws(LoadFailure) -> Answer {
        var address = address
        var path = path
        var waits = followsRedirects && body != nil
        for _ in 0..<Limits.redirectsMax {
            let connection = connection(to: address)
            let head = Self.head(method, path, connection, body: body, expectsContinue: waits)
            let answer = try exchange(head, body, on: connection, expectsContinue: waits)
            let count: Int
            do throws(LoadFailure) {
                count = try connection.readBody(of: answer, method: method, into: buffer)
            } catch {
                connection.close()
                throw error
            }
            // A body that was announced and not asked for leaves the connection in doubt.
            if answer.closes || (waits && answer.status >= 300) { connection.close() }
            guard followsRedirects, [301, 302, 307, 308].contains(answer.status) else {
                return Answer(status: answer.status, bodyCount: count)
            }
            guard let location = answer.location, let next = ServerAddress.split(location) else {
                throw .malformed("Location")
            }
            address = next.0
            path = String(next.path)
            waits = false
        }
        throw .redirects
    }

    /// A kept connection may have been closed by the server meanwhile: then, once, a new one.
    private func exchange(
        _ head: [UInt8], _ body: UnsafeRawBufferPointer?, on connection: Connection,
        expectsContinue: Bool
    ) throws(LoadFailure) -> ResponseHead {
        let mayRetry = connection.wasUsed
        do throws(LoadFailure) {
            return try connection.exchange(head: head, body: body, expectsContinue: expectsContinue)
        } catch {
            connection.close()
            guard mayRetry, error == .closed else { throw error }
        }
        do throws(LoadFailure) {
            return try connection.exchange(head: head, body: body, expectsContinue: expectsContinue)
        } catch {
            connection.close()
            throw error
        }
    }

    private func connection(to address: ServerAddress) -> Connection {
        if let connection = connections[address] { return connection }
        if connections.count >= Limits.connectionsPerWorkerMax { connections.removeAll() }
        let connection = Connection(to: address)
        connections[address] = connection
        return connection
    }

    private static func head(
        _ method: String, _ path: String, _ connection: Connection,
        body: UnsafeRawBufferPointer?, expectsContinue: Bool
    ) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(128 + path.utf8.count)
        head.append(contentsOf: method.utf8)
        head.append(UInt8(ascii: " "))
        head.append(contentsOf: path.utf8)
        head.append(contentsOf: connection.headLines)
        if let body {
            head.append(contentsOf: "Content-Length: ".utf8)
            head.append(contentsOf: String(body.count).utf8)
            head.append(contentsOf: "\r\n".utf8)
        }
        if expectsContinue { head.append(contentsOf: "Expect: 100-continue\r\n".utf8) }
        head.append(contentsOf: "\r\n".utf8)
        return head
    }
}
