import API
import Base
import Cluster
import HTTP
import Synchronization
import TestSupport
import Testing

/// A proxy with a log of its own and no peers: serves the follow stream and puts nodes on the map.
final class FakeProxy: Sendable {
    struct Log {
        var state = ClusterState()
        /// Words about disks of a target that is off the map.
        var refusedNotes = 0
        var entries: [FollowFrame.LogEntry] = []
        /// Entries up to this index are gone; followers from before it get a snapshot.
        var base: UInt64 = 0
        var streams: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextStream = 0
        var acknowledged: [String: (position: LogPosition, hash: UInt64)] = [:]
        var acknowledgements = 0
        var refusesJoins = false
        var follows = 0
        /// Holds entries back from followers, as a proxy that is behind would.
        var isHolding = false
        /// What it pretends to be.
        var clusterID: String?
        /// How often it was asked how far it is; and whether it does not say.
        var surveys = 0
        var isMute = false
        /// Whether it can say nothing for certain, as one that reaches no majority.
        var isCutOff = false
        /// Takes nodes off the map, and is lost before it has said so.
        var isLostWithRemovals = false
    }

    let group: EventLoopGroup
    let log = Mutex(Log())
    private let server: Mutex<Server?>
    let port: Int
    private let generation: (counter: UInt64, nonce: UInt64)

    init(clusterID: String = "test-cluster", generation: UInt64 = 1, nonce: UInt64 = 7) throws {
        group = EventLoopGroup(loops: 1)
        self.generation = (generation, nonce)
        let routes = Routes()
        let server = try Server(group, handler: routes)
        port = server.port
        self.server = Mutex(server)
        routes.proxy.withLock { $0 = self }
        let node = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: UInt16(server.port))),
            member: 1)
        submit(.found(clusterID: clusterID, founder: node, generation: generation, nonce: nonce))
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: port) }
    var state: ClusterState { log.withLock { $0.state } }

    func stop() async {
        log.withLock { log in for stream in log.streams.values { stream.finish() } }
        let server = server.withLock { server in
            defer { server = nil }
            return server
        }
        await server?.shutDown(within: 0)
        group.shutDown()
    }

    /// Commits a command, as the primary would.
    @discardableResult
    func submit(_ command: Command) -> Cluster.Outcome {
        log.withLock { log in
            let record = LogRecord(command, actor: "test")
            let index = log.state.position.index + 1
            let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + index)
            var changes: [StateRow.Change] = []
            let position = LogPosition(
                generation: generation.counter, nonce: generation.nonce, term: 1, index: index)
            let outcome = log.state.apply(record, at: position, time: time, changes: &changes)
            log.entries.append(
                FollowFrame.LogEntry(
                    position: log.state.position, time: time, kind: .command,
                    payload: record.encoded))
            for stream in log.streams.values { stream.yield() }
            return outcome
        }
    }

    /// Forgets the entries, so that followers from before need a snapshot.
    func compact() {
        log.withLock { $0.base = $0.state.position.index }
    }

    /// Replaces the whole history by a state, as a forced recovery does.
    func recover(_ state: ClusterState) {
        log.withLock { log in
            log.state = state
            log.base = state.position.index
            log.entries = []
            for stream in log.streams.values { stream.finish() }
            log.streams = [:]
        }
    }

    /// Ends all streams; followers come back.
    func cut() {
        log.withLock { log in
            for stream in log.streams.values { stream.finish() }
            log.streams = [:]
        }
    }

    func hold(_ isHolding: Bool) {
        log.withLock { log in
            log.isHolding = isHolding
            for stream in log.streams.values { stream.yield() }
        }
    }

    /// Gives every follower a sign of life, without news.
    func pulse() {
        log.withLock { log in for stream in log.streams.values { stream.yield() } }
    }

    /// Waits until the node has acknowledged everything submitted so far.
    func acknowledged(by node: String) async throws {
        let wanted = state.position
        try await eventually("\(node) acknowledges \(wanted.text)") {
            self.log.withLock { ($0.acknowledged[node]?.position ?? .zero) >= wanted }
        }
    }

    private final class Routes: Handler {
        let proxy = Mutex<FakeProxy?>(nil)

        func handle(_ exchange: Exchange) async throws {
            guard let proxy = proxy.withLock({ $0 }) else {
                return exchange.respond(.serviceUnavailable)
            }
            let request = RequestTarget(exchange.request.target)
            switch try Resource(path: request.path) {
            case .followLog: try await proxy.follow(exchange, request.query)
            case .daemon([]):
                let position = proxy.log.withLock { log in
                    log.surveys += 1
                    return log.isMute ? nil : log.state.position.text
                }
                guard let position else { return exchange.respond(.serviceUnavailable) }
                exchange.respond(.ok) { $0.add(named: HeaderName.position, position) }
            case .cluster(["autoreg"]):
                let join = try JoinRequest(decoding: try await exchange.collect(upTo: 1 << 16))
                if try request.query.flag(QueryName.dryRun) {
                    var forecast = Forecast("join", Survival(activeTargets: .init(1)))
                    forecast.changes.append("\(join.node.id) joins the map")
                    return exchange.respond(
                        .ok, type: "application/json", body: forecast.encoded)
                }
                if proxy.log.withLock({ $0.refusesJoins }) {
                    return exchange.respond(Failure(.addressTaken, "the address is taken").answer)
                }
                // One that is there as it says is no news.
                if proxy.state.map[join.node.id]?.address != join.node.address {
                    proxy.submit(.setNode(join.node))
                }
                let state = proxy.state
                exchange.respond(
                    .ok, type: "application/json",
                    body: JoinReply(clusterID: state.map.clusterID, position: state.position)
                        .encoded)
            case .cluster(["setconfig"]), .cluster(["resetconfig"]):
                let change = try ConfigRequest(
                    request.path.contains("reset") ? .resetConfig : .setConfig,
                    query: request.query)
                let plan = try change.plan(
                    in: change.node.map { .node($0) } ?? .cluster, of: proxy.state.config)
                let outcome = proxy.submit(.setConfig(plan.change))
                exchange.respond(.ok) {
                    $0.add(named: HeaderName.position, outcome.position.text)
                }
            case .cluster(["mountpaths"]):
                let report = try MountpathReport(
                    decoding: try await exchange.collect(upTo: 1 << 16))
                guard
                    case .success = proxy.submit(.noteMountpath(report.target, report.note)).result
                else {
                    proxy.log.withLock { $0.refusedNotes += 1 }
                    return exchange.respond(
                        Failure(.nodeNotFound, "there is no node \(report.target)").answer)
                }
                exchange.respond(.ok)
            case .cluster([]):
                try proxy.answerInquiry(exchange, request.query)
            case .cluster(["decommission"]):
                let report = try RemovalReport(decoding: try await exchange.collect(upTo: 1 << 16))
                proxy.submit(.endDecommission(report.target, report.report))
                exchange.respond(.ok)
            case .cluster(let path) where path.first == "daemon" && path.count == 2:
                if proxy.log.withLock({ $0.isLostWithRemovals }), let id = NodeID(path[1]) {
                    proxy.submit(.removeNode(id))
                    throw ConnectionError.disconnected
                }
                try proxy.remove(exchange, path[1], request.query)
            default: exchange.respond(.notFound)
            }
        }
    }

    /// Which order a target has, for certain.
    private func answerInquiry(_ exchange: Exchange, _ query: Query) throws {
        let (state, isCutOff) = log.withLock { ($0.state, $0.isCutOff) }
        if isCutOff { return exchange.respond(Failure(.noQuorum, "nobody is there").answer) }
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.key("nodes")
            json.object { json in
                let wanted = try? query.value("node")
                for (id, record) in state.decommissions where id.text == wanted {
                    json.key(id.text)
                    json.object { json in json.value(members: record) }
                }
            }
        }
        exchange.respond(.ok, type: "application/json", body: json.bytes)
    }

    private func remove(_ exchange: Exchange, _ id: String, _ query: Query) throws {
        if try query.flag(QueryName.dryRun) {
            return exchange.respond(
                .ok, type: "application/json",
                body: Forecast("unregister", Survival(activeTargets: .init(1))).encoded)
        }
        if log.withLock({ $0.refusesJoins }) {
            return exchange.respond(Failure(.noQuorum, "nobody is there").answer)
        }
        let node = try #require(NodeID(id))
        guard case .success = submit(.removeNode(node)).result else {
            return exchange.respond(Failure(.nodeNotFound, "no node").answer)
        }
        exchange.respond(.ok)
    }

    private func follow(_ exchange: Exchange, _ query: Query) async throws {
        let node = try query.value("node") ?? ""
        let after = LogPosition(text: try query.value("after") ?? "") ?? .zero
        exchange.limitBody(.max)
        exchange.allowSilence(seconds: nil)
        exchange.stream(.ok)
        let (wakes, continuation) = AsyncStream<Void>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        let number = log.withLock { log in
            log.nextStream += 1
            log.follows += 1
            log.streams[log.nextStream] = continuation
            return log.nextStream
        }
        continuation.yield()
        defer { log.withLock { $0.streams[number] = nil } }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var buffer = FrameBuffer()
                while let piece = try? await exchange.next() {
                    buffer.append(piece)
                    while let body = try? buffer.next(),
                        let frame = try? FollowFrame(decoding: body)
                    {
                        guard case .acknowledge(let position, let hash) = frame else { continue }
                        self.log.withLock { log in
                            log.acknowledged[node] = (position, hash)
                            log.acknowledgements += 1
                        }
                    }
                }
                continuation.finish()
            }
            tasks.addTask { try? await self.send(exchange, wakes, after: after) }
            await tasks.next()
            continuation.finish()
            tasks.cancelAll()
        }
        throw ConnectionError.disconnected
    }

    private func send(
        _ exchange: Exchange, _ wakes: AsyncStream<Void>, after start: LogPosition
    ) async throws {
        var position = start
        try await exchange.write(progress)
        for await _ in wakes {
            let frames = log.withLock { log -> [[UInt8]] in
                if log.isHolding { return [] }
                if position > log.state.position { return [] }
                let isSame =
                    position.generation == log.state.position.generation || position == .zero
                var frames: [FollowFrame] = []
                if !isSame || position.index < log.base {
                    var sender = SnapshotSender(log.state)
                    while let frame = sender.next() { frames.append(frame) }
                } else {
                    frames = log.entries.filter { $0.position.index > position.index }.map {
                        .entry($0)
                    }
                }
                position = log.state.position
                return frames.map(\.encoded)
            }
            for frame in frames { try await exchange.write(frame) }
            try await exchange.write(progress)
        }
    }

    private var progress: [UInt8] {
        log.withLock { log in
            FollowFrame.progress(
                FollowFrame.Progress(
                    clusterID: log.clusterID ?? log.state.map.clusterID,
                    committed: log.state.position,
                    primary: log.state.map.primary?.text ?? "")
            ).encoded
        }
    }
}
