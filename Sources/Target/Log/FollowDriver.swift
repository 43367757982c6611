import API
import Base
import Cluster
import HTTP

/// Keeps a follow stream open and carries out what ``LogFollower`` makes of it.
///
/// Duties:
/// 1. What has to be remembered is on disk, and every bucket directory settled, before a state is published.
/// 2. A state's settings are in effect before it is published, and it is published before it is acknowledged.
/// 3. One stream at a time; when it ends, another proxy is asked, at once and then more and more slowly.
/// 4. What a state was made by is cached before it is acknowledged (``StateCache``).
/// 5. A proxy that does not bring what redirects speak of is left, whether it shows signs of life or not; if another one has it.
final class FollowDriver: @unchecked Sendable {
    // Safety: all `var`s are touched by one step of `run` at a time, which awaits each before the next.
    private var follower: LogFollower
    /// What is on disk; behind the follower's own when writing it failed.
    private var written: ClusterRecord
    /// Whether the directories have not been compared with the state yet, because that failed.
    private var owesReconciling = false
    private let node: Node
    private let data: Directory
    private let directories: BucketDirectories
    private let cache: StateCache
    private let publisher: StatePublisher
    private let config: LiveConfig
    private let status: FollowStatus
    private let record: Watched<ClusterRecord>
    private let hint: Watched<Endpoint?>
    private let client: Client
    private let loop: EventLoop
    private let pool: BlockingPool
    private let joins: [Endpoint]
    private let log: Logger
    private let unknownLogged = Pacing(nanoseconds: TargetLimits.unknownPositionLogNanoseconds)

    struct Ports {
        let data: Directory
        let directories: BucketDirectories
        let cache: StateCache
        let publisher: StatePublisher
        let config: LiveConfig
        let status: FollowStatus
        /// What is on disk of it, for others to read.
        let record: Watched<ClusterRecord>
        /// A proxy that has said that it is to be followed.
        let hint: Watched<Endpoint?>
        let client: Client
        let loop: EventLoop
        let pool: BlockingPool
    }

    init(
        _ follower: LogFollower, node: Node, joins: [Endpoint], ports: Ports, log: Logger
    ) {
        self.follower = follower
        written = follower.record
        self.node = node
        self.joins = joins
        self.log = log
        data = ports.data
        directories = ports.directories
        cache = ports.cache
        publisher = ports.publisher
        config = ports.config
        status = ports.status
        record = ports.record
        hint = ports.hint
        client = ports.client
        loop = ports.loop
        pool = ports.pool
    }

    /// Runs until cancelled.
    func run() async {
        var choice = ProxyChoice(node: node.id, joins: joins)
        var lastProblem = ""
        while !Task.isCancelled {
            if let proxy = hint.value {
                hint.set(nil)
                choice.prefer(proxy)
            }
            guard let proxy = choice.next(in: follower.state.map) else { return }
            let end = await follow(proxy, &choice)
            guard !Task.isCancelled else { return }
            if end.isMove {
                log.info("\(proxy): \(end.reason)")
                await loop.sleep(nanoseconds: ProxyChoice.pauseMin)
                continue
            }
            status.lost(because: "\(proxy): \(end.reason)")
            // The same trouble with the same proxy is said once.
            let problem = "\(proxy): \(end.reason)"
            if problem != lastProblem {
                if end.isAlarming { log.error(problem) } else { log.info(problem) }
            }
            lastProblem = end.result == .worked ? "" : problem
            let pause = choice.ended(with: proxy, end.result, in: follower.state.map, at: .now())
            _ = await loop.within(nanoseconds: pause) { [hint] in
                _ = await hint.first { $0 != nil }
            }
        }
    }

    /// How a stream ended.
    private struct End {
        var result = ProxyChoice.End.failed
        var reason: String
        var isAlarming = false
        /// Whether this target ended it, to follow another proxy.
        var isMove = false
    }

    private func follow(_ proxy: Endpoint, _ choice: inout ProxyChoice) async -> End {
        follower.begin()
        let query =
            "\(QueryName.node)=\(PercentCoding.encoded(node.id.text))"
            + "&\(QueryName.address)=\(node.address)"
            + "&\(QueryName.after)=\(follower.state.position.text)"
        let silence = config.values.silenceSeconds
        let timeouts = Client.Timeouts(
            connectSeconds: 2, responseSeconds: silence, idleSeconds: silence)
        var end = End(reason: "the stream ended")
        do {
            let call = try await client.open(
                .post, proxy, "/v1/log/follow?\(query)", timeouts: timeouts)
            defer { call.close() }
            let response = try await call.response()
            guard response.status == .ok else {
                return try await Self.refusal(response)
            }
            log.info("following \(proxy) from \(follower.state.position.text)")
            try await readWhileUseful(response, call, proxy, silence, &choice, &end)
        } catch ClientError.timedOut {
            end.reason = "nothing was heard for \(silence) s"
        } catch let refusal as LogFollower.Refusal {
            end.reason = refusal.description
            end.isAlarming = refusal.isAlarming
            if case .lagging = refusal { end.result = .lagged } else { end.result = .failed }
        } catch {
            end.reason = "\(error)"
            end.isAlarming = error is FileError
        }
        return end
    }

    private static func refusal(_ response: ClientResponse) async throws -> End {
        let body = try await response.collect(upTo: Limits.failureBytesMax)
        guard let failure = Failure(decoding: body) else {
            return End(reason: "status \(response.status.rawValue)")
        }
        let reason = "\(failure.code.rawValue): \(failure.message)"
        switch failure.code {
        case .notFounded, .starting: return End(result: .early, reason: reason)
        default: return End(reason: reason)
        }
    }

    /// Reads the stream, and ends it when requests have waited too long for what it does not bring.
    private func readWhileUseful(
        _ response: ClientResponse, _ call: ClientCall, _ proxy: Endpoint, _ silence: Double,
        _ choice: inout ProxyChoice, _ end: inout End
    ) async throws {
        let (isOverdue, isHinted) = (Watched(false), Watched(false))
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { [hint] in
                    guard await hint.first(where: { $0 != nil }) != nil else { return }
                    isHinted.set(true)
                    call.close()
                }
                tasks.addTask { [self] in
                    guard await isBetterServed(than: proxy) else { return }
                    isOverdue.set(true)
                    call.close()
                }
                defer { tasks.cancelAll() }
                try await read(response, call, proxy, silence, &choice, &end)
            }
        } catch {
            if isHinted.value {
                end.isMove = true
                end.reason = "another proxy says that it is to be followed"
                return
            }
            guard isOverdue.value else { throw error }
            throw LogFollower.Refusal.lagging(follower.state.position)
        }
    }

    /// Returns when a proxy has what requests have waited for in vain.
    ///
    /// - Returns: `false` when the task was cancelled.
    private func isBetterServed(than followed: Endpoint) async -> Bool {
        let survey = PositionSurvey(client: client)
        while let wanted = await publisher.overdue(on: loop) {
            let begun = publisher.beginSurvey()
            var proxies = ProxyChoice(node: node.id, joins: joins).order(
                in: publisher.current.state.map)
            if !proxies.contains(followed) { proxies.append(followed) }
            let answers = await survey.ask(proxies)
            if Task.isCancelled { return false }
            let newest = answers.newest?.position ?? .zero
            let isAwaited = publisher.end(
                begun, newest: newest, isComplete: answers.isComplete)
            if wanted <= newest || isAwaited { return true }
            guard answers.isComplete, unknownLogged.isDue(at: .now()) else { continue }
            log.warning(
                "a redirect names position \(wanted.text), which no proxy has; the newest is at "
                    + newest.text)
        }
        return false
    }

    private func read(
        _ response: ClientResponse, _ call: ClientCall, _ proxy: Endpoint, _ silence: Double,
        _ choice: inout ProxyChoice, _ end: inout End
    ) async throws {
        var buffer = FrameBuffer()
        var acknowledged = MonotonicTime.now()
        var committed = LogPosition.zero
        /// The changes of the configuration that have been looked at; the first look is for those since the stream was asked for.
        var changesSeen: UInt64?
        while let piece = try await response.next() {
            buffer.append(piece)
            var frames: [FollowFrame] = []
            do throws(DecodingFailure) {
                while let body = try buffer.next() {
                    frames.append(try FollowFrame(decoding: body))
                }
            } catch {
                throw LogFollower.Refusal.malformed(error)
            }
            guard !frames.isEmpty else { continue }
            if let told = Self.committed(frames) {
                committed = told
                status.told(committed: told)
            }
            let hasNewState = try await apply(frames)
            status.heard(from: proxy, at: .now())
            end.result = .worked
            // A proxy takes a stream that says nothing for one that is dead, and nothing may change for days.
            let isDue =
                MonotonicTime.now().since(acknowledged)
                > TargetLimits.acknowledgeIntervalNanoseconds
            if hasNewState || (isDue && follower.state.position > .zero) {
                acknowledged = .now()
                try await call.write(
                    FollowFrame.acknowledge(
                        position: follower.state.position, hash: follower.state.hash
                    ).encoded)
            }
            // The map that is known may be of a generation that this proxy has left behind, and name its primary.
            guard !follower.state.position.isOfGeneration(before: committed) else { continue }
            if choice.shouldMove(from: proxy, in: follower.state.map, at: .now()) {
                end.isMove = true
                end.reason = "another proxy is primary"
                return
            }
            let changes = config.changes.value
            defer { changesSeen = changes }
            if changes != changesSeen, config.values.silenceSeconds != silence {
                end.isMove = true
                end.reason = "asking anew, with the patience that the configuration says now"
                return
            }
        }
    }

    /// How far the proxy's log is committed, as the last of these frames tells.
    private static func committed(_ frames: [FollowFrame]) -> LogPosition? {
        frames.compactMap { frame in
            switch frame {
            case .progress(let progress): progress.committed
            case .entry(let entry): entry.position
            case .snapshot(let piece): piece.position
            case .acknowledge: nil
            }
        }.max()
    }

    /// Takes the frames and does what they ask for. A few that hardly touch a disk stay on the loop, because a
    /// client waits for them; the rest goes to the pool.
    private func apply(_ frames: [FollowFrame]) async throws -> Bool {
        let isQuick =
            !hasDebts && !follower.record.clusterID.isEmpty
            && frames.count <= TargetLimits.quickFramesMax && frames.allSatisfy(Self.isQuick)
        if isQuick { return try carryOut(frames, mayBlock: false) }
        return try await pool.run { [self] in try carryOut(frames, mayBlock: true) }
    }

    /// Whether a frame costs no more than a look at each disk. Destroying a bucket waits for its uploads.
    private static func isQuick(_ frame: FollowFrame) -> Bool {
        switch frame {
        case .progress: return true
        case .entry(let entry) where entry.kind == .command:
            switch LogRecord.kind(in: entry.payload) {
            case .createBucket, .setNode, .removeNode, .setConfig, .setMaintenance,
                .startRebalance, .replaceRebalance, .stopRebalance, .stopOneRebalance,
                .noteMountpath, .session,
                .decommission, .endDecommission:
                return true
            // A recovery changes which generation the disks belong to.
            case .destroyBucket, .batch, .found, .recover, nil: return false
            }
        case .entry: return true
        case .snapshot, .acknowledge: return false
        }
    }

    private var hasDebts: Bool { written != follower.record || owesReconciling }

    /// What must be done before anything is published, also when it failed the last time.
    private func payDebts() throws(FileError) {
        do throws(FileError) {
            if written != follower.record {
                try follower.record.write(in: data)
                written = follower.record
                record.set(written)
                log.info(
                    "belongs to cluster \(written.clusterID), generation \(written.generation)")
            }
            guard owesReconciling else { return }
            try directories.reconcile(with: follower.state)
            owesReconciling = false
            log.info("compared its disks with the state at \(follower.state.position.text)")
        } catch {
            // The follower is ahead of the disks now; comparing everything brings them together.
            owesReconciling = true
            throw error
        }
    }

    private func carryOut(_ frames: [FollowFrame], mayBlock: Bool) throws -> Bool {
        var ready: ClusterState?
        var applied: [StateCache.Entry] = []
        var isOther = false
        defer {
            if isOther { cache.take(applied, follower.state, mayBlock: mayBlock) }
        }
        // What was settled is published even when a later frame is of no use.
        defer {
            if let ready {
                config.follow(ready.config)
                publisher.publish(ready)
            }
        }
        if hasDebts {
            try payDebts()
            ready = follower.state
        }
        for frame in frames {
            let effects = try follower.take(frame, at: .now())
            if case .entry(let entry) = frame {
                applied.append(StateCache.Entry(entry, hash: follower.state.hash))
                isOther = true
            } else if effects.contains(.publish) {
                applied = []
                isOther = true
            }
            for effect in effects {
                switch effect {
                case .remember: try payDebts()
                case .reconcile:
                    owesReconciling = true
                    try payDebts()
                case .settle(let bucket): directories.change(bucket, in: follower.state)
                case .publish: ready = follower.state
                }
            }
        }
        return ready != nil
    }
}
