import HTTP
import Testing

/// The client against our own server.
@Suite struct ClientTests {
    @Test func `requests reuse one connection`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            for number in 0..<50 {
                let body = Array("body \(number)".utf8)
                let response = try await client.send(.post, server.endpoint, "/echo", body: body)
                #expect(response.status == .ok)
                #expect(try await response.collect(upTo: 100) == body)
            }
            #expect(server.server.connections == 1)
            await client.closeIdle()
        }
    }

    @Test func `chunked bodies travel both ways`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            let call = try await client.open(.put, server.endpoint, "/count")
            for _ in 0..<20 { try await call.write([UInt8](repeating: 7, count: 100_000)) }
            try await call.finish()
            let counted = try await call.response().collect(upTo: 100)
            #expect(String(decoding: counted, as: UTF8.self) == "2000000")
            let pieces = try await client.send(.get, server.endpoint, "/pieces")
            #expect(pieces.headers["transfer-encoding"] == "chunked")
            #expect(try await pieces.collect(upTo: 1000).count == 80)
        }
    }

    @Test func `one call reads while it writes`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            let call = try await client.open(.post, server.endpoint, "/duplex")
            let response = try await call.response()
            for number in 0..<100 {
                let piece = Array("frame \(number)".utf8)
                try await call.write(piece)
                #expect(try await response.next() == piece)
            }
            try await call.finish()
            #expect(try await response.next() == nil)
        }
    }

    @Test func `a large answer arrives whole`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            let response = try await client.send(.get, server.endpoint, "/big?bytes=20000000")
            #expect(try await response.collect(upTo: 20_000_000).count == 20_000_000)
        }
    }

    @Test func `nobody there is unreachable`() async throws {
        let group = EventLoopGroup(loops: 1)
        defer { group.shutDown() }
        let client = Client(group)
        // Port 1 needs privileges to listen on, and nothing does.
        await #expect(throws: ClientError.self) {
            try await client.send(.get, Endpoint(host: "127.0.0.1", port: 1), "/")
        }
    }

    @Test func `a connection that died unseen is replaced`() async throws {
        let group = EventLoopGroup(loops: 1)
        defer { group.shutDown() }
        let client = Client(group)
        let server = try Server(group, handler: TestRoutes())
        let endpoint = Endpoint(host: "127.0.0.1", port: server.port)
        _ = try await client.send(.get, endpoint, "/sync").collect(upTo: 100)
        await server.shutDown(within: 0)
        var configuration = Server.Configuration()
        configuration.port = server.port
        let second = try Server(group, handler: TestRoutes(), configuration: configuration)
        let response = try await client.send(.get, endpoint, "/sync")
        #expect(response.status == .ok)
        _ = try await response.collect(upTo: 100)
        await second.shutDown(within: 0)
    }

    /// Whoever hears "unreachable" may try elsewhere, so it must not be said of a request that went out.
    @Test(arguments: [false, true])
    func `a request that died with its server was sent, whatever comes after`(mayRepeat: Bool)
        async throws
    {
        let group = EventLoopGroup(loops: 1)
        defer { group.shutDown() }
        let client = Client(group)
        let server = try MortalServer()
        let endpoint = Endpoint(host: "127.0.0.1", port: server.port)
        _ = try await client.send(.delete, endpoint, "/one").collect(upTo: 100)
        await #expect(throws: ClientError.disconnected) {
            try await client.send(.delete, endpoint, "/two", mayRepeat: mayRepeat)
        }
        #expect(server.seen == 2)
        await #expect(throws: ClientError.self) { try await client.send(.get, endpoint, "/") }
    }

    @Test func `waiting for an answer can be cancelled`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            let call = try await client.open(.post, server.endpoint, "/echo")
            let task = Task { try await call.response() }
            task.cancel()
            await #expect(throws: ClientError.cancelled) { try await task.value }
            call.close()
        }
    }
}
