import HTTP
import Testing

/// Requests and answers over loopback, byte by byte.
@Suite struct ServingTests {
    @Test func `a connection serves one request after the other`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            for path in ["/sync", "/async", "/sync", "/nothing", "/pieces", "/async"] {
                client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                if path == "/pieces" {
                    #expect(client.receive(through: "0\r\n\r\n").contains("piece 9"))
                } else {
                    let answer = client.response()
                    #expect(answer.status == (path == "/nothing" ? 404 : 200))
                    #expect(answer.head.contains("\r\nDate: "))
                    #expect(!answer.head.contains("Connection"))
                }
            }
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            let paths = (0..<300).map { $0 % 3 == 0 ? "/async" : "/sync" }
            client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            for path in paths { #expect("/\(client.response().body)" == "\(path)\n") }
        }
    }

    @Test func `a request may come one byte at a time`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            let request =
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
            for byte in request.utf8 { client.send([byte]) }
            #expect(client.response().body == "abc0123456789")
            client.send("GET /sync HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.response().status == 200)
        }
    }

    @Test func `HEAD gets the head of GET and no body`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            for path in ["/sync", "/pieces", "/big?bytes=100000"] {
                client.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200 OK"))
            }
            client.send("GET /sync HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.response().body == "sync\n")
        }
    }

    @Test func `HTTP 1·0 ends the connection unless it is asked to stay`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            client.send("GET /sync HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(client.response().head.contains("Connection: keep-alive"))
            client.send("GET /pieces HTTP/1.0\r\n\r\n")
            let rest = client.receiveAll()
            #expect(!rest.contains("chunked"))
            #expect(rest.hasSuffix("piece 9\n"))
        }
    }

    @Test func `continue is sent when the body is read and not before`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            client.send(
                "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            )
            #expect(client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("body")
            #expect(client.response().body == "body")
        }
    }

    @Test func `a redirect answers without the body being sent`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            client.send(
                "PUT /redirect HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            let answer = client.receiveAll()
            #expect(answer.hasPrefix("HTTP/1.1 307"))
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test func `a client that sends a large unread body still reads the answer`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            client.send("PUT /redirect HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
            #expect(client.send([UInt8](repeating: 1, count: 8_000_000)))
            #expect(client.receiveAll().hasPrefix("HTTP/1.1 307"))
        }
    }

    @Test func `a small unread body does not cost the connection`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            for _ in 0..<3 {
                client.send("PUT /redirect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12")
                #expect(client.response().status == 307)
                client.send("345")
            }
            client.send("GET /sync HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.response().body == "sync\n")
        }
    }

    @Test func `errors of a handler become answers`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            for path in ["/throw", "/silent"] {
                client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = client.response()
                #expect(answer.status == 500)
                #expect(answer.body == #"{"code":"internal"}"#)
            }
            client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.receiveAll().hasSuffix("4\r\nhalf\r\n"))
        }
    }

    @Test func `handlers and what they await stay on the loop`() async throws {
        try await TestServer.with(loops: 2) { server in
            for _ in 0..<20 {
                let client = try RawClient(port: server.port)
                client.send("GET /thread HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.response().body.hasPrefix("loop-"))
            }
        }
    }

    @Test func `reader and writer of one exchange work at once`() async throws {
        try await TestServer.with { server in
            let client = try RawClient(port: server.port)
            client.send("POST /duplex HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(client.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            for number in 10..<60 {
                client.send("2\r\n\(number)\r\n")
                #expect(client.receive(7) == Array("2\r\n\(number)\r\n".utf8))
            }
            client.send("0\r\n\r\n")
            #expect(client.receiveAll() == "0\r\n\r\n")
        }
    }
}
