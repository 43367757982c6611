import HTTP
import Testing

/// More clients than connections.
@Suite struct CrowdTests {
    private static let limits = {
        var limits = ServerLimits()
        limits.connectionsMax = 4
        return limits
    }()

    @Test func `a client with a request takes the place of one that says nothing`() async throws {
        try await TestServer.with(limits: Self.limits) { server in
            let used = try RawClient(port: server.port)
            used.send("GET /sync HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(used.response().status == 200)
            let silent = try (0..<40).map { _ in try RawClient(port: server.port) }
            for _ in 0..<20 {
                let client = try RawClient(port: server.port)
                client.send("GET /async HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.response().status == 200)
            }
            #expect(server.server.connections <= 4)
            #expect(silent[0].receiveAll().isEmpty)
        }
    }

    @Test func `those who are being served keep their place, and others are told`() async throws {
        try await TestServer.with(limits: Self.limits) { server in
            let busy = try (0..<4).map { _ in try RawClient(port: server.port) }
            for client in busy { client.send("GET /sync HTTP/1.1\r\nHost:") }
            // Kept open: one that was refused must not be taken for an idle one whose place is free.
            let refused = try (0..<20).map { _ in try RawClient(port: server.port) }
            for client in refused {
                let answer = client.response()
                #expect(answer.status == 503 && answer.body.contains("too_many_connections"))
            }
            #expect(server.server.connections <= 4)
            for client in busy {
                client.send(" a\r\n\r\n")
                #expect(client.response().status == 200)
            }
        }
    }
}
