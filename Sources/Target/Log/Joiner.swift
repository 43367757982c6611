import API
import Base
import Cluster
import HTTP

/// Has the target put on the map: when it starts, and whenever its address has changed. One that an operator has
/// taken off the map stays off until it is registered again or started anew; ``JoinPolicy`` tells the two apart.
struct Joiner: Sendable {
    private let node: Node
    private let joins: [Endpoint]
    private let publisher: StatePublisher
    private let proxies: ProxyCaller
    /// Whether any mountpath takes part.
    private let isUsable: Watched<Bool>
    /// Whether this target has left for good, in a state.
    private let isDismissed: @Sendable (ClusterState) -> Bool
    /// Whether this target is to leave for good, by a state.
    private let isTold: @Sendable (ClusterState) -> Bool
    private let reporter: MountpathReporter
    private let client: Client
    private let loop: EventLoop
    private let log: Logger

    static let pauseMin: UInt64 = 100_000_000
    static let pauseMax: UInt64 = 2_000_000_000

    init(
        _ node: Node, joins: [Endpoint], publisher: StatePublisher,
        proxies: ProxyCaller, isUsable: Watched<Bool>,
        isDismissed: @escaping @Sendable (ClusterState) -> Bool,
        isTold: @escaping @Sendable (ClusterState) -> Bool, reporter: MountpathReporter,
        client: Client, loop: EventLoop, log: Logger
    ) {
        self.node = node
        self.joins = joins
        self.publisher = publisher
        self.proxies = proxies
        self.isUsable = isUsable
        self.isDismissed = isDismissed
        self.isTold = isTold
        self.reporter = reporter
        self.client = client
        self.loop = loop
        self.log = log
    }

    /// Whether the map has the node as it is.
    static func isJoined(_ node: Node, in map: ClusterMap) -> Bool {
        guard let known = map[node.id] else { return false }
        return known.role == node.role && known.address == node.address
    }

    /// Runs until cancelled.
    func run() async {
        var policy = JoinPolicy()
        /// Off the map because no mountpath takes part, and not because an operator wants it so.
        var isAwayByItself = false
        /// Whether a primary has said, since this process began, that the map has this target. What is followed first may be
        /// behind, and show the map of an earlier life: that this life was taken off it does not follow.
        var isCertain = false
        while !Task.isCancelled {
            let published = publisher.current
            let isListed = published.state.map[node.id] != nil
            guard isUsable.value else {
                if isListed {
                    await leave()
                    isAwayByItself = true
                }
                await news(after: published, isUsable: false)
                continue
            }
            if isAwayByItself, !isListed {
                if let position = await join(published.state.map) { policy.admitted(at: position) }
                isAwayByItself = false
                continue
            }
            let isJoined = Self.isJoined(node, in: published.state.map)
            // One that is to leave asks for nothing: it may have done so already.
            if isJoined, !isCertain, !isTold(published.state) {
                if let position = await join(published.state.map, isListed: true) {
                    policy.admitted(at: position)
                }
                isCertain = !isTold(publisher.current.state)
                continue
            }
            switch policy.next(node.id, isJoined: isJoined, published.state) {
            case .join where published.isKnown && !isDismissed(published.state):
                if let position = await join(published.state.map) { policy.admitted(at: position) }
                continue
            case .removed where !isDismissed(published.state):
                log.warning(
                    "an operator has taken this target off the map; register it, or start it "
                        + "again, to bring it back")
            case .join, .removed, .wait: break
            }
            await news(after: published, isUsable: true)
        }
    }

    /// Waits for a change of the nodes, or for the first mountpath to come or the last one to go.
    private func news(after published: PublishedState, isUsable wasUsable: Bool) async {
        await withTaskGroup(of: Void.self) { news in
            news.addTask { await publisher.membershipChange(after: published) }
            news.addTask { _ = await isUsable.first { $0 != wasUsable } }
            await news.next()
            news.cancelAll()
        }
    }

    /// Takes the target off the map until a mountpath takes part again.
    private func leave() async {
        log.warning("no mountpath takes part: this target leaves the map")
        // Whoever is not on the map reports nothing.
        await reporter.finish(withinNanoseconds: Self.pauseMax)
        var pause = Self.pauseMin
        while !Task.isCancelled, !isUsable.value {
            do throws(Failure) {
                let answer = try await proxies.send(
                    .delete, "/v1/cluster/daemon/\(PercentCoding.encoded(node.id.text))")
                let failure = Failure(decoding: answer.body)
                if answer.status == .ok || failure?.code == .nodeNotFound {
                    // The stream brings the state soon.
                    _ = await loop.within(nanoseconds: Self.pauseMax) {
                        while !Task.isCancelled {
                            let published = publisher.current
                            guard published.state.map[node.id] != nil else { return }
                            await publisher.membershipChange(after: published)
                        }
                    }
                    return
                }
                log.warning(
                    "cannot leave the map: \(failure?.message ?? "\(answer.status.rawValue)")")
            } catch {
                log.warning("cannot leave the map: \(error.message)")
            }
            await loop.sleep(nanoseconds: pause)
            pause = min(pause * 2, Self.pauseMax)
        }
    }

    /// Asks one proxy after the other until the map has the node.
    ///
    /// - Parameters:
    ///   - map: the one that is known.
    ///   - isListed: whether it has the node, and that is to be made certain.
    /// - Returns: a place at which the map had it; whoever does not see it there later on knows that it was taken off meanwhile.
    private func join(_ map: ClusterMap, isListed: Bool = false) async -> LogPosition? {
        if !isListed {
            log.info("asks cluster \(map.clusterID) to be put on the map at \(node.address)")
        }
        var admitted: LogPosition?
        var pause = Self.pauseMin
        var lastProblem = ""
        while !Task.isCancelled, isUsable.value {
            let published = publisher.current
            // A newer state may say so.
            if isDismissed(published.state) || isListed && isTold(published.state) { return nil }
            let isReached = admitted.map { published.state.position >= $0 } == true
            if Self.isJoined(node, in: published.state.map), !isListed || isReached {
                if !isListed { log.info("is on the map") }
                return published.state.position
            }
            var problem = "no proxy is known"
            for proxy in ProxyChoice(node: node.id, joins: joins).order(in: published.state.map) {
                do {
                    let position = try await ask(proxy, published.state)
                    guard !position.isOfGeneration(before: published.state.position) else {
                        throw Failure(
                            .olderGeneration,
                            "it is of generation \(position.generationText), which was left behind")
                    }
                    admitted = position
                    // The stream brings the state soon; asking again does no harm if it does not.
                    let arrival = await publisher.state(notBefore: position, within: 2, on: loop)
                    if case .reached(let news) = arrival {
                        let isOn = Self.isJoined(node, in: news.state.map)
                        if isOn, !isListed { log.info("is on the map") }
                        if isOn || isTakenOff(in: news.state, from: position) { return position }
                    }
                    problem = ""
                } catch {
                    problem = "\(proxy): \(Self.describe(error))"
                }
                if problem.isEmpty || Task.isCancelled { break }
            }
            if problem.isEmpty {
                pause = Self.pauseMin
                // A wait that finds no place ends at once.
                let isReached = admitted.map { publisher.current.state.position >= $0 } != false
                if !isReached { await loop.sleep(nanoseconds: pause) }
            } else {
                if problem != lastProblem { log.warning("cannot join: \(problem)") }
                lastProblem = problem
                await loop.sleep(nanoseconds: pause)
                pause = min(pause * 2, Self.pauseMax)
            }
        }
        return nil
    }

    /// Whether a state that comes from where this target was put on the map has it no more.
    private func isTakenOff(in state: ClusterState, from position: LogPosition) -> Bool {
        state.position.generation == position.generation && state.position.nonce == position.nonce
            && state.map[node.id] == nil
    }

    private func ask(_ proxy: Endpoint, _ state: ClusterState) async throws -> LogPosition {
        let request = JoinRequest(
            node: node, clusterID: state.map.clusterID, position: state.position)
        let response = try await client.send(
            .post, proxy, "/v1/cluster/autoreg", headers: [(HeaderName.callerID, node.id.text)],
            body: request.encoded, timeouts: Client.Timeouts(responseSeconds: 10))
        let body = try await response.collect(upTo: Limits.failureBytesMax)
        guard response.status == .ok else {
            throw Failure(decoding: body)
                ?? Failure(.unknown, "the proxy answered \(response.status.rawValue)")
        }
        return try JoinReply(decoding: body).position
    }

    private static func describe(_ error: any Error) -> String {
        guard let failure = error as? Failure else { return "\(error)" }
        return "\(failure.code.rawValue): \(failure.message)"
    }
}
