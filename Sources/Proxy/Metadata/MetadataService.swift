import API
import Base
import Cluster
import Consensus
import HTTP

/// Changes and reads of what the cluster agrees on.
struct MetadataService: Sendable {
    let id: NodeID
    let group: RaftGroup
    let published: PublishedState
    let followers: Followers
    let fence: Fence
    let loop: EventLoop
    /// Changes that have been proposed here and not been answered.
    let underWay = Watched(0)

    /// On whose behalf something is changed.
    struct Origin: Sendable {
        var actor: String
        var clientAddress = ""
        var requestID = ""
    }

    // MARK: Changing

    /// Makes a change: proposes it here, on the primary, and returns when it is committed and every follower has
    /// applied it or was left behind. When this proxy stops leading, being committed is enough.
    ///
    /// - Throws: a failure that says whether the change was refused, had no effect, or is in doubt.
    func change(_ command: Command, for origin: Origin) async throws(Failure) -> Cluster.Outcome {
        underWay.update { $0 += 1 }
        defer { underWay.update { $0 -= 1 } }
        let now = published.now.state
        let record = LogRecord(
            command, actor: origin.actor, clientAddress: origin.clientAddress,
            requestID: origin.requestID, stateIndex: now.position.index, stateHash: now.hash)
        let begun = MonotonicTime.now()
        let ending = await group.raft.propose(record.encoded)
        group.counters.proposed(
            RaftCounters.Ending(ending), nanoseconds: MonotonicTime.now().since(begun))
        switch ending {
        case .applied(_, let outcome):
            if case .failure(let rejection) = outcome.result { throw Failure(rejection) }
            // Other proxies have to know before the targets that follow them can.
            if followers.areElsewhere { group.raft.announceCommit() }
            await followers.reach(outcome.position)
            return outcome
        case .unchanged:
            preconditionFailure("only changes of membership can be without effect")
        case .refused(let refusal): throw group.failure(refusal)
        case .unknown:
            var failure = Failure(
                .outcomeUnknown,
                "\(command.name) may or may not have been made: the primary lost contact while "
                    + "it waited for the majority",
                next: "look before you repeat it")
            failure.requestID = origin.requestID
            throw failure
        }
    }

    // MARK: Reading

    /// Sees to it that a client which says in `Martlet-Position` what it has seen meets nothing older: waits for it, and
    /// refuses when it does not come or cannot come any more (``Fence``).
    func catchUp(with exchange: Exchange) async throws(Failure) {
        guard let text = exchange.request.headers[named: HeaderName.position] else { return }
        guard let position = LogPosition(text: text) else {
            throw Failure(
                .badPosition, "'\(HeaderName.position)' is '\(text.prefix(80))'",
                next: "send it as an answer brought it")
        }
        try Fence.check(position, published.now.state, group.node)
        guard position > published.now.state.position else { return }
        try fence.check()
        _ = await loop.within(nanoseconds: UInt64(Limits.primarySeconds * 1e9)) {
            await published.first { $0.position >= position }
        }
        let now = published.now.state
        try Fence.check(position, now, group.node)
        guard now.position >= position else {
            throw Failure(
                .deadlineExceeded,
                "this proxy has the state at \(now.position.text); the client has seen \(text)",
                next: "try again in a moment, or ask another proxy")
        }
    }

    /// The state with everything that was acknowledged before this call. While an election is under way, or when a
    /// question to the primary was lost, it is asked again for a bounded time.
    ///
    /// - Throws: when no majority can confirm it in time.
    func linearizable() async throws(Failure) -> PublishedState.Snapshot {
        let begun = MonotonicTime.now()
        while true {
            guard case .refused(let refusal) = await group.raft.readIndex() else {
                return published.now
            }
            var failure = group.failure(refusal)
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            if failure.code == .noPrimary, elapsed < Limits.primarySeconds {
                await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9))
                continue
            }
            if failure.code == .noQuorum || failure.code == .noPrimary {
                failure.message = "the newest metadata cannot be confirmed: \(failure.message)"
                failure.next = "add consistency=stale to the query to read what this proxy has"
            }
            throw failure
        }
    }

    /// The state that a request asks for: linearizable unless it says `consistency=stale`.
    func state(for query: Query) async throws(Failure) -> PublishedState.Snapshot {
        switch try query.value(QueryName.consistency) ?? "" {
        case "stale": return published.now
        case "", "linearizable": return try await linearizable()
        case let other:
            throw Failure(
                .badQuery, "'consistency' is '\(other)'", next: "stale or linearizable")
        }
    }

    /// A bucket's properties. One that this proxy does not know may have been created a moment ago through
    /// another, so the majority is asked before the answer is no.
    func bucket(
        _ bucket: Bucket
    ) async throws(Failure) -> (PublishedState.Snapshot, BucketProperties) {
        try fence.check()
        let now = published.now
        if let properties = now.state.buckets[bucket] { return (now, properties) }
        let newest = try await linearizable()
        guard let properties = newest.state.buckets[bucket] else { throw .noSuchBucket(bucket) }
        return (newest, properties)
    }
}
