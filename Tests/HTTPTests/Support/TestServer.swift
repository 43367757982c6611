import Base
import CLinux
import Glibc
import HTTP

/// A server on a free port with its own loops, shut down at the end of `with`.
struct TestServer {
    let group: EventLoopGroup
    let server: Server

    var port: Int { server.port }
    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: port) }

    static func with(
        loops: Int = 1, limits: ServerLimits = ServerLimits(), handler: any Handler = TestRoutes(),
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let group = EventLoopGroup(loops: loops)
        var configuration = Server.Configuration()
        configuration.limits = limits
        configuration.renderError = { error, _ in
            let known = error as? RequestError
            return Answer(
                known?.status ?? .internalServerError, contentType: "application/json",
                body: Array(#"{"code":"\#(known?.code ?? "internal")"}"#.utf8))
        }
        let server = try Server(group, handler: handler, configuration: configuration)
        do {
            try await body(TestServer(group: group, server: server))
        } catch {
            await server.shutDown(within: 0)
            group.shutDown()
            throw error
        }
        await server.shutDown(within: 0)
        group.shutDown()
    }
}

/// Small routes that between them use every way to answer.
struct TestRoutes: Handler {
    struct Refused: Error {}

    func respond(to exchange: Exchange) -> Outcome {
        switch exchange.request.rawPath {
        case "/sync":
            exchange.respond(.ok, type: "text/plain", body: Array("sync\n".utf8))
            return .done
        case "/redirect":
            exchange.respond(.temporaryRedirect) { $0.add("Location", "http://elsewhere/") }
            return .done
        default: return .async
        }
    }

    func handle(_ exchange: Exchange) async throws {
        switch exchange.request.rawPath {
        case "/async":
            await Task.yield()
            exchange.respond(.ok, type: "text/plain", body: Array("async\n".utf8))
        case "/echo":
            exchange.respond(.ok, body: try await exchange.collect(upTo: 1 << 20))
        case "/count":
            exchange.limitBody(.max)
            var count = 0
            while let piece = try await exchange.next() { count += piece.count }
            exchange.respond(.ok, body: Array("\(count)".utf8))
        case "/pieces":
            exchange.stream(.ok, type: "text/plain")
            for number in 0..<10 { try await exchange.write(Array("piece \(number)\n".utf8)) }
            try await exchange.finish()
        case "/big":
            let count = exchange.request.query("bytes").flatMap { Int($0) } ?? 0
            exchange.respond(.ok, body: [UInt8](repeating: 0x61, count: count))
        case "/duplex": try await echoWhileReading(exchange)
        case "/throw": throw Refused()
        case "/cut":
            exchange.stream(.ok)
            try await exchange.write(Array("half".utf8))
            throw Refused()
        case "/silent": return
        case "/thread":
            await Task.yield()
            exchange.respond(.ok, body: Array(threadName().utf8))
        default: exchange.respond(.notFound)
        }
    }

    /// Sends every piece back as it comes.
    private func echoWhileReading(_ exchange: Exchange) async throws {
        exchange.limitBody(.max)
        exchange.allowSilence(seconds: nil)
        exchange.stream(.ok)
        let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { continuation.finish() }
                while let piece = try await exchange.next() { continuation.yield(piece) }
            }
            group.addTask {
                for await piece in pieces { try await exchange.write(piece) }
                try await exchange.finish()
            }
            try await group.waitForAll()
        }
    }
}

/// What the kernel calls the current thread.
func threadName() -> String {
    var name = [CChar](repeating: 0, count: 32)
    pthread_getname_np(pthread_self(), &name, 32)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
}
