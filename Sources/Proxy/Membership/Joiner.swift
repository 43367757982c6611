import API
import Base
import Cluster
import Consensus
import HTTP

/// Sees to it that the map has this proxy as it is: asks to be added when it is new, and again when its address
/// or its disk has changed. One that an operator has taken off the map stays off (``Cluster/JoinPolicy``).
struct Joiner: Sendable {
    let node: Node
    let seeds: [Endpoint]
    let published: PublishedState
    let identity: ClusterIdentity
    let group: RaftGroup
    /// Whether this proxy's log has been left behind while it was down.
    let isStranded: Watched<Bool>
    let admission: Admission
    let client: Client
    let config: LiveConfig
    let loop: EventLoop
    let log: Logger

    func run() async {
        var policy = JoinPolicy()
        while !Task.isCancelled {
            let state = published.now.state
            // Before it is looked at: what changes in between is news.
            let wasStranded = isStranded.value
            switch policy.next(node.id, isJoined: isListed(in: state), state) {
            case .join: if let position = await join() { policy.admitted(at: position) }
            case .removed:
                log.warning(
                    "an operator has taken this proxy off the map; register it, or start it again, "
                        + "to bring it back")
            case .wait: break
            }
            await news(after: state, wasStranded: wasStranded)
        }
    }

    /// Waits for another map, or for word that this proxy's log was left behind.
    private func news(after state: ClusterState, wasStranded: Bool) async {
        await withTaskGroup(of: Void.self) { news in
            news.addTask { _ = await published.first { $0.map.version != state.map.version } }
            news.addTask { _ = await isStranded.first { $0 != wasStranded } }
            await news.next()
            news.cancelAll()
        }
    }

    /// Asks until the map has this proxy.
    ///
    /// - Returns: a place at which the map had it. Whoever does not see it there later on knows that it was taken off meanwhile.
    private func join() async -> LogPosition? {
        var pause = Limits.joinSecondsMin
        var turn = 0
        var complaints: Set<String> = []
        while !Task.isCancelled {
            let now = published.now.state
            if isListed(in: now) { return now.position }
            let others = candidates
            let leads = group.isLeader
            if others.isEmpty && !leads || leads && !published.now.isFounded {
                // The founder's first command lists it.
                await loop.sleep(nanoseconds: UInt64(Limits.joinSecondsMin * 1e9))
                continue
            }
            do {
                // Nobody else can put a primary that has moved on the map.
                let reply =
                    leads
                    ? try await admission.admit(request, for: .init(actor: node.id.text))
                    : try await ask(others[turn % others.count])
                identity.joined(reply.clusterID)
                // The log brings the news; a leader finds this member by the map.
                let seen = await loop.within(nanoseconds: UInt64(Limits.joinSecondsMax * 1e9)) {
                    await published.first {
                        isListed(in: $0) || isTakenOff(in: $0, from: reply.position)
                    }
                }
                if case .some(.some) = seen { return reply.position }
            } catch {
                let text = (error as? Failure)?.message ?? "\(error)"
                // Each trouble once: several candidates fail in several ways, in turn.
                if complaints.insert(text).inserted { log.info("not joined yet: \(text)") }
                if complaints.count > Limits.complaintsMax { complaints = [text] }
            }
            turn += 1
            if turn.isMultiple(of: max(1, others.count)) {
                pause = min(pause * 2, Limits.joinSecondsMax)
            }
            await loop.sleep(nanoseconds: UInt64(pause * 1e9))
        }
        return nil
    }

    /// Whether a state that comes from where this proxy was put on the map has it no more.
    private func isTakenOff(in state: ClusterState, from position: LogPosition) -> Bool {
        !isStranded.value && state.position.generation == position.generation
            && state.position.nonce == position.nonce && state.position.index >= position.index
            && state.map[node.id] == nil
    }

    private func isListed(in state: ClusterState) -> Bool {
        guard !isStranded.value, let known = state.map[node.id] else { return false }
        return known.address == node.address && known.member == node.member
    }

    /// The proxies of the map, then those named on the command line.
    private var candidates: [Endpoint] {
        let listed = published.now.state.map.nodes(.proxy).filter { $0.id != node.id }
            .map(\.endpoint)
        return listed + seeds.filter { !listed.contains($0) && $0 != node.endpoint }
    }

    private var request: JoinRequest {
        JoinRequest(node: node, clusterID: published.now.state.map.clusterID)
    }

    private func ask(_ endpoint: Endpoint) async throws -> JoinReply {
        let isElectable = !node.flags.contains(.nonElectable)
        let response = try await client.send(
            .post, endpoint, "/v1/cluster/autoreg\(isElectable ? "" : "?nel=true")",
            body: request.encoded,
            timeouts: Client.Timeouts(
                connectSeconds: Limits.streamConnectSeconds,
                responseSeconds: config.values.seconds("client.client_timeout")))
        let body = try await response.collect(upTo: Limits.nodeDocumentBytes)
        guard response.status == .ok else {
            throw Failure(decoding: body)
                ?? Failure(.unknown, "\(endpoint) answered \(response.status.rawValue)")
        }
        return try JoinReply(decoding: body)
    }
}
