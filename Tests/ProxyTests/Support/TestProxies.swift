import API
import Base
import Cluster
import Foundation
import HTTP
import MetaStore
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Proxies of one cluster in this process: real daemons, real sockets on loopback, real files.
final class TestProxies: Sendable {
    struct Running {
        let settings: ProxySettings
        let daemon: Reference
        let stop: Latch
        let task: Task<Int32, Never>
    }

    let directory: String
    let loops = EventLoopGroup(loops: 1)
    let client: Client
    private let running = Mutex<[Int: Running]>([:])

    /// Runs `body` with `count` proxies that form a group, and ends them all afterwards.
    static func with(_ count: Int, _ body: (TestProxies) async throws -> Void) async throws {
        let proxies = TestProxies()
        do {
            for number in 1...count { try await proxies.start(number) }
            for number in 1...count { try await proxies.waitUntilReady(number) }
            try await body(proxies)
        } catch {
            await proxies.end()
            throw error
        }
        await proxies.end()
    }

    private init() {
        directory = NSTemporaryDirectory() + "martlet-proxy-\(SystemRandom.identifier())"
        client = Client(loops)
    }

    /// A test may ask several proxies at once.
    private let ports = Mutex<[Int: UInt16]>([:])

    /// The address that proxy `number` has now and after every restart.
    func address(_ number: Int) throws -> NodeAddress {
        let port = try ports.withLock { ports in
            let port = try ports[number] ?? FreePort.take()
            ports[number] = port
            return port
        }
        return try #require(NodeAddress(host: "127.0.0.1", port: port))
    }

    /// Gives proxy `number` another address at its next start.
    func move(_ number: Int) throws {
        let port = try FreePort.take()
        ports.withLock { $0[number] = port }
    }

    func endpoint(_ number: Int) throws -> Endpoint {
        Endpoint(host: "127.0.0.1", port: Int(try address(number).port))
    }

    func daemon(_ number: Int) -> ProxyDaemon? { running.withLock { $0[number]?.daemon.daemon } }

    func dataPath(_ number: Int) -> String { "\(directory)/p\(number)" }

    /// Starts a proxy; the first one founds, unless it has a log already.
    func start(_ number: Int, isElectable: Bool = true) async throws {
        try await run(
            number,
            ProxySettings(
                id: try #require(NodeID("p\(number)")), listen: try address(number),
                dataPath: dataPath(number), founds: number == 1,
                seeds: number == 1 ? [] : [try endpoint(1)], isElectable: isElectable))
    }

    /// Starts a new proxy, with another one than the first to join through.
    func startFresh(_ number: Int, joining other: Int) async throws {
        try await run(
            number,
            ProxySettings(
                id: try #require(NodeID("p\(number)")), listen: try address(number),
                dataPath: dataPath(number), seeds: [try endpoint(other)]))
    }

    private func run(_ number: Int, _ settings: ProxySettings) async throws {
        let stop = Latch()
        let made = try await ProxyDaemon(settings, stop: stop)
        let reference = Reference(made)
        let daemon = Daemon(made)
        let process = Running(
            settings: settings, daemon: reference, stop: stop,
            task: Task {
                let (status, restarts) = await daemon.run()
                return restarts ? await self.beginAnew(number, settings) : status
            })
        running.withLock { $0[number] = process }
    }

    /// A daemon to look at, as long as it runs.
    final class Reference: @unchecked Sendable {
        // Safety: set once; the runtime clears it.
        private(set) weak var daemon: ProxyDaemon?

        init(_ daemon: ProxyDaemon) {
            self.daemon = daemon
        }
    }

    /// A daemon that is gone when it has run, and its files are closed.
    private final class Daemon: Sendable {
        private let daemon: Mutex<ProxyDaemon?>

        init(_ daemon: ProxyDaemon) {
            self.daemon = Mutex(daemon)
        }

        func run() async -> (status: Int32, restarts: Bool) {
            guard let daemon = daemon.withLock({ $0.take() }) else { return (99, false) }
            return (await daemon.run(), daemon.restarts)
        }
    }

    /// What a process does by replacing itself. The old daemon is not quite gone when its last words are said: the log is
    /// free a moment later.
    private func beginAnew(_ number: Int, _ settings: ProxySettings) async -> Int32 {
        let stop = Latch()
        var daemon: ProxyDaemon?
        for _ in 0..<200 where daemon == nil {
            daemon = try? await ProxyDaemon(settings, stop: stop)
            if daemon == nil { try? await Task.sleep(for: .milliseconds(10)) }
        }
        guard let daemon else { return 99 }
        running.withLock { running in
            guard let process = running[number] else { return stop.open() }
            running[number] = Running(
                settings: settings, daemon: Reference(daemon), stop: stop, task: process.task)
        }
        return await daemon.run()
    }

    @discardableResult
    func stop(_ number: Int) async -> Int32? {
        guard let proxy = running.withLock({ $0.removeValue(forKey: number) }) else { return nil }
        proxy.stop.open()
        return await proxy.task.value
    }

    /// Waits for a proxy that ends by itself.
    ///
    /// - Returns: its exit status; `nil` when it goes on.
    func ended(_ number: Int) async -> Int32? {
        let isGone: Void? = try? await eventually("p\(number) ends") {
            do {
                _ = try await ask(number, .get, "/v1/health")
                return false
            } catch ClientError.unreachable {
                return true
            }
        }
        if isGone == nil { return nil }
        return await running.withLock { $0.removeValue(forKey: number) }?.task.value
    }

    private func end() async {
        for number in running.withLock({ $0.keys.sorted() }) { await stop(number) }
        loops.shutDown()
        try? FileManager.default.removeItem(atPath: directory)
    }

    // MARK: Asking

    struct Reply {
        let status: Int
        let headers: [(name: String, value: String)]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var failure: Failure? { Failure(decoding: body) }
        func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    func ask(
        _ number: Int, _ method: HTTP.Method, _ path: String, _ body: String = "",
        headers: [(String, String)] = []
    ) async throws -> Reply {
        let response = try await client.send(
            method, try endpoint(number), path, headers: headers, body: Array(body.utf8))
        let bytes = try await response.collect(upTo: 1 << 20)
        return Reply(
            status: response.status.rawValue, headers: response.headers.pairs, body: bytes)
    }

    func create(_ bucket: String, through number: Int) async throws -> Reply {
        try await ask(number, .post, "/v1/buckets/\(bucket)", #"{"action":"createlb"}"#)
    }

    func waitUntilReady(_ number: Int) async throws {
        try await eventually("p\(number) is ready") {
            try await ask(number, .get, "/v1/health?readiness=true").status == 200
        }
    }

    /// The number of the primary, as one proxy sees it.
    func primary(asSeenBy number: Int) async throws -> Int? {
        let map = try await ask(number, .get, "/v1/daemon?what=smap&consistency=stale")
        guard case .object(let object) = try JSONValue(parsing: map.body),
            case .object(let primary) = object["proxy_si"],
            let id = primary["daemon_id"]?.string
        else { return nil }
        return Int(id.dropFirst())
    }
}
