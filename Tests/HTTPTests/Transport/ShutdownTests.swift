import Base
import HTTP
import Testing

/// The end of a server, as its clients see it.
@Suite struct ShutdownTests {
    private static let request = "GET /async HTTP/1.1\r\nHost: a\r\n\r\n"

    /// To a client a request that was never read is no different from one that was lost half done.
    @Test func `a request that has arrived when the server ends is answered`() async throws {
        try await TestServer.with { server in
            nonisolated(unsafe) let known = try RawClient(port: server.port)
            known.send(Self.request)
            #expect(known.response().status == 200)
            let idle = try RawClient(port: server.port)
            idle.send(Self.request)
            #expect(idle.response().status == 200)
            // On the loop, so that it has looked at neither before it hears of the end.
            let (fresh, silent) = try await server.group.loops[0].run {
                known.send(Self.request)
                let fresh = try RawClient(port: server.port)
                fresh.send(Self.request)
                let silent = try RawClient(port: server.port)
                let begun = MonotonicTime.now()
                await server.server.shutDown(within: 20)
                // Who says nothing is not waited for.
                #expect(MonotonicTime.now().since(begun) < 5_000_000_000)
                return Clients(fresh, silent)
            }.both
            for client in [known, fresh] {
                let answer = client.response()
                #expect(answer.status == 200 && answer.body == "async\n")
                #expect(answer.head.contains("\r\nConnection: close\r\n"), "\(answer.head)")
                #expect(client.receiveAll() == "")
            }
            #expect(idle.receiveAll() == "" && silent.receiveAll() == "")
        }
    }

    /// Handed from the loop to the test, which alone uses them then.
    private struct Clients: @unchecked Sendable {
        let both: (RawClient, RawClient)

        init(_ first: RawClient, _ second: RawClient) {
            both = (first, second)
        }
    }
}
