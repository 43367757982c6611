import API
import Base
import HTTP
import Synchronization
import Testing

@testable import Statistics

/// Requests counted on the loops that serve them.
@Suite struct RequestMeterTests {
    /// Answers by what the path says, and counts.
    private final class Counted: Handler {
        let meter: RequestMeter

        init(loops: Int) { meter = RequestMeter(loops: loops) }

        func respond(to exchange: Exchange) -> HTTP.Outcome {
            exchange.operation = Operation(rawValue: 255) ?? .other
            guard exchange.request.rawPath == "/get" else { return .async }
            exchange.operation = .get
            exchange.respond(.ok, type: "text/plain", body: Array("twelve bytes".utf8))
            return .done
        }

        func handle(_ exchange: Exchange) async throws {
            switch exchange.request.rawPath {
            case "/put":
                exchange.operation = .put
                _ = try await exchange.collect(upTo: 1 << 20)
                exchange.respond(.ok)
            case "/stream":
                exchange.operation = .list
                exchange.stream(.ok)
                try await exchange.write(Array("piece".utf8))
                try await exchange.write(Array("piece".utf8))
                try await exchange.finish()
            default: throw NoSuchPath()
            }
        }

        func concluded(_ exchange: Exchange, isWhole: Bool) {
            meter.record(exchange, isWhole: isWhole)
        }
    }

    private struct NoSuchPath: Error {}

    @Test func `each request is counted once, with its bytes and its time`() async throws {
        let group = EventLoopGroup(loops: 2)
        let handler = Counted(loops: 2)
        let server = try Server(group, handler: handler)
        let client = Client(group)
        let endpoint = Endpoint(host: "127.0.0.1", port: server.port)
        func ask(_ method: HTTP.Method, _ path: String, _ body: String = "") async throws {
            let response = try await client.send(method, endpoint, path, body: Array(body.utf8))
            _ = try await response.collect(upTo: 1 << 20)
        }
        for _ in 0..<50 { try await ask(.get, "/get") }
        for _ in 0..<3 { try await ask(.head, "/get") }
        for _ in 0..<20 { try await ask(.put, "/put", "seven b") }
        for _ in 0..<5 { try await ask(.get, "/stream") }
        for _ in 0..<4 { try await ask(.get, "/none") }
        // The client has the answer a moment before the loop counts it.
        for _ in 0..<2_000 where handler.meter.totals.sum({ $0.done + $0.failed }) < 82 {
            await group.loops[0].sleep(nanoseconds: 1_000_000)
        }
        await server.shutDown(within: 1)
        await client.closeIdle()
        group.shutDown()
        let totals = handler.meter.totals
        #expect(totals[.get].done == 53)
        #expect(totals[.get].bytesSent == 50 * 12)
        #expect(totals[.get].latency.count == 53 && totals[.get].latency.sum > 0)
        #expect(totals[.put].done == 20 && totals[.put].bytesReceived == 140)
        #expect(totals[.list].done == 5 && totals[.list].bytesSent == 50)
        #expect(totals[.other].failed == 4 && totals[.other].done == 0)
        #expect(totals.sum(\.lost) == 0)
    }

    @Test func `a request whose client leaves is lost, and neither done nor failed`() async throws {
        let group = EventLoopGroup(loops: 1)
        let handler = Counted(loops: 1)
        let server = try Server(group, handler: handler)
        let client = Client(group)
        let call = try await client.open(
            .put, Endpoint(host: "127.0.0.1", port: server.port), "/put", length: 100)
        try await call.write(Array("not a hundred".utf8))
        call.close()
        for _ in 0..<2_000 where handler.meter.totals.sum(\.lost) == 0 {
            await group.loops[0].sleep(nanoseconds: 1_000_000)
        }
        await server.shutDown(within: 1)
        group.shutDown()
        let totals = handler.meter.totals
        #expect(totals[.put].lost == 1 && totals[.put].bytesReceived == 0)
        #expect(totals.sum(\.done) == 0 && totals.sum(\.failed) == 0)
    }

    @Test func `durations fall into the bucket whose bound they do not exceed`() {
        #expect(LatencyBuckets.index(of: 0) == 0)
        #expect(LatencyBuckets.index(of: 10_000) == 0)
        #expect(LatencyBuckets.index(of: 10_001) == 1)
        #expect(LatencyBuckets.index(of: 10_000_000_000) == LatencyBuckets.count - 2)
        #expect(LatencyBuckets.index(of: .max) == LatencyBuckets.count - 1)
        #expect(LatencyBuckets.bounds == LatencyBuckets.bounds.sorted())
    }

    @Test(arguments: [
        ("/v1/objects/b/o", HTTP.Method.get, Statistics.Operation.get),
        ("/v1/objects/b/o", .put, .put), ("/v1/objects/b/o", .post, .post),
        ("/v1/buckets", .get, .readBucket), ("/v1/buckets/b", .post, .post),
        ("/v1/buckets/b", .delete, .changeBucket), ("/v1/daemon", .get, .readNode),
        ("/v1/cluster", .put, .changeCluster), ("/metrics", .get, .metrics),
        ("/v1/log/follow", .post, .stream), ("/v1/etl", .get, .unserved),
    ])
    func `path and method say what is counted`(
        _ path: String, _ method: HTTP.Method, _ operation: Statistics.Operation
    ) throws {
        #expect(Operation(try Resource(path: path[...]), method) == operation)
    }
}
