import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Target

/// A whole target on a free port, following a fake proxy; its disks outlive it, so that it can be started again.
final class TestTarget: Sendable {
    let daemon: TargetDaemon
    let proxy: FakeProxy
    let client: Client
    private let stop: AsyncStream<Void>.Continuation
    private let running: Task<Void, Never>
    private let clients: EventLoopGroup

    init(_ proxy: FakeProxy, _ disks: TemporaryDirectory, mountpaths: Int = 2, id: String = "t1")
        throws
    {
        self.proxy = proxy
        let paths = try (1...mountpaths).map { try disks.directory("\(id)-mp\($0)") }
        var settings = TargetSettings(
            id: try #require(NodeID(id)), host: "127.0.0.1", port: 0,
            dataPath: "\(disks.path)/\(id)-data",
            mountpaths: paths, joins: [proxy.endpoint])
        settings.sharesFilesystem = true
        settings.node.logLevel = .error
        settings.node.loops = 2
        let daemon = try TargetDaemon(settings)
        self.daemon = daemon
        let (stops, stop) = AsyncStream<Void>.makeStream()
        self.stop = stop
        running = Task { await daemon.run(until: { for await _ in stops {} }) }
        clients = EventLoopGroup(loops: 1)
        client = Client(clients)
    }

    /// A target that is ready, with the bucket `b`.
    static func with(
        mountpaths: Int = 2, properties: BucketProperties = BucketProperties(),
        _ body: (TestTarget) async throws -> Void
    ) async throws {
        let disks = try TemporaryDirectory()
        let proxy = try FakeProxy()
        proxy.submit(.createBucket(try #require(Bucket(name: "b")), properties))
        let target = try TestTarget(proxy, disks, mountpaths: mountpaths)
        do {
            try await target.ready()
            try await body(target)
        } catch {
            await target.end()
            await proxy.stop()
            throw error
        }
        await target.end()
        await proxy.stop()
    }

    func ready() async throws {
        try await eventually("ready") {
            try await self.ask(.get, "/v1/health?readiness=true", at: nil).status == .ok
        }
        try await proxy.acknowledged(by: daemon.node.id.text)
    }

    func end() async {
        stop.finish()
        await running.value
        await client.closeIdle()
        clients.shutDown()
    }

    /// Waits for a target that ends by itself.
    func ended() async { await running.value }

    struct Reply {
        let status: Status
        let headers: Headers
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var failure: Failure? { Failure(decoding: body) }
    }

    enum At {
        case now
        case position(LogPosition)
        case nothing
    }

    /// A request as a proxy redirects it.
    @discardableResult
    func ask(
        _ method: Method, _ path: String, at: At? = .now, headers: [(String, String)] = [],
        body: [UInt8] = []
    ) async throws -> Reply {
        var target = path
        if let at {
            target += (path.contains("?") ? "&" : "?") + "pid=p1&utm=1"
            switch at {
            case .now: target += "&at=\(proxy.state.position.text)"
            case .position(let position): target += "&at=\(position.text)"
            case .nothing: break
            }
        }
        let endpoint = Endpoint(host: "127.0.0.1", port: Int(daemon.node.address.port))
        let response = try await client.send(method, endpoint, target, headers: headers, body: body)
        let bytes = method == .head ? [] : try await response.collect(upTo: 64 << 20)
        return Reply(status: response.status, headers: response.headers, body: bytes)
    }

    func put(_ name: String, _ text: String, bucket: String = "b") async throws -> Status {
        try await ask(.put, "/v1/objects/\(bucket)/\(name)", body: Array(text.utf8)).status
    }

    func get(_ name: String, bucket: String = "b") async throws -> Reply {
        try await ask(.get, "/v1/objects/\(bucket)/\(name)")
    }
}
