import Base
import HTTP
import TestSupport
import Testing

/// Writing into an open request from any thread.
@Suite struct StreamWriterTests {
    /// Reads the body only once the gate is open, and answers with what it has read, checked piece by piece.
    private struct SlowReader: Handler {
        let gate: Latch
        /// Answers when so many bytes have come, wherever the body ends.
        let wanted: Watched<Int>

        func handle(_ exchange: Exchange) async throws {
            exchange.limitBody(.max)
            await gate.wait()
            var count = 0
            var hash: UInt64 = 0
            while let piece = try await exchange.next() {
                count += piece.count
                for byte in piece { hash = hash &* 31 &+ UInt64(byte) }
                if wanted.value > 0, count >= wanted.value { break }
            }
            exchange.respond(.ok, body: Array("\(count) \(hash)".utf8))
        }
    }

    private static func hash(_ bytes: [UInt8], _ start: UInt64 = 0) -> UInt64 {
        bytes.reduce(start) { $0 &* 31 &+ UInt64($1) }
    }

    @Test func `messages of many threads arrive whole`() async throws {
        let gate = Latch()
        gate.open()
        let wanted = Watched(8 * 100 * 1_000)
        let reader = SlowReader(gate: gate, wanted: wanted)
        try await TestServer.with(handler: reader) { server in
            let client = Client(server.group)
            let call = try await client.open(.post, server.endpoint, "/", length: nil)
            let writer = try await call.streamWriter()
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<8 {
                    tasks.addTask {
                        for _ in 0..<100 {
                            let message = [UInt8](repeating: 7, count: 1_000)
                            while case .refused = writer.send(message, pendingMax: 64 << 10) {
                                await Task.yield()
                            }
                        }
                    }
                }
            }
            let response = try await call.response()
            let text = String(decoding: try await response.collect(upTo: 100), as: UTF8.self)
            let expected = Self.hash([UInt8](repeating: 7, count: 800_000))
            #expect(text == "800000 \(expected)")
            writer.close()
            call.close()
        }
    }

    @Test func `what a slow reader does not take is bounded, and what was taken arrives`()
        async throws
    {
        let gate = Latch()
        let wanted = Watched(0)
        let reader = SlowReader(gate: gate, wanted: wanted)
        try await TestServer.with(handler: reader) { server in
            let client = Client(server.group)
            let call = try await client.open(.post, server.endpoint, "/", length: nil)
            let writer = try await call.streamWriter()
            var taken: UInt64 = 0
            var count = 0
            var refusals = 0
            var next: UInt8 = 0
            while refusals < 10, count < 256 << 20 {
                let message = [UInt8](repeating: next, count: 64 << 10)
                switch writer.send(message, pendingMax: 256 << 10) {
                case .taken:
                    taken = Self.hash(message, taken)
                    count += message.count
                    next &+= 1
                case .refused: refusals += 1
                case .ended: Issue.record("the connection ended")
                }
            }
            #expect(refusals == 10)
            // What is urgent still has room.
            let urgent: [UInt8] = [1, 2, 3]
            if case .taken = writer.send(urgent, pendingMax: 1 << 20) {
                taken = Self.hash(urgent, taken)
                count += urgent.count
            } else {
                Issue.record("an urgent message was refused")
            }
            wanted.set(count)
            gate.open()
            let response = try await call.response()
            let text = String(decoding: try await response.collect(upTo: 100), as: UTF8.self)
            #expect(text == "\(count) \(taken)")
            writer.close()
            call.close()
        }
    }

    /// The kernel watches a connection as long as anybody has it open, and a writer has it open too. Events for one
    /// that is closed would go to memory that is somebody else's by then.
    @Test func `a closed connection is watched no more, although its writer lives`() async throws {
        try await TestServer.with { server in
            let client = Client(server.group)
            var writers: [StreamWriter] = []
            for _ in 0..<20 {
                let call = try await client.open(.post, server.endpoint, "/count", length: nil)
                writers.append(try await call.streamWriter())
                call.close()
            }
            try await eventually("no closed descriptor is watched", within: 5) {
                WatchedDescriptors.closed().isEmpty
            }
            withExtendedLifetime(writers) {}
        }
    }

    @Test func `a closed writer and a lost connection say so`() async throws {
        let gate = Latch()
        gate.open()
        try await TestServer.with(handler: SlowReader(gate: gate, wanted: Watched(1))) { server in
            let client = Client(server.group)
            let call = try await client.open(.post, server.endpoint, "/", length: nil)
            let writer = try await call.streamWriter()
            writer.close()
            guard case .ended = writer.send([1], pendingMax: 10) else {
                Issue.record("a closed writer took a message")
                return
            }
            call.close()
        }
    }
}
