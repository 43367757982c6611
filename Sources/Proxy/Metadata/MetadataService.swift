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
    /// Requests of sessions among them.
    let calls = CallsUnderWay()

    /// On whose behalf something is changed.
    struct Origin: Sendable {
        /// What somebody is called who is no node.
        static let client = "client"

        var actor: String
        var clientAddress = ""
        var requestID = ""
        /// Whether whoever sent it has named it: then it may send another one by that name.
        var isNamed = false
        var terms = ChangeTerms()

        /// - Throws: that a document has another version than the request rests on, in the words of the log.
        func check(_ state: ClusterState) throws(Failure) {
            for expected in terms.preconditions {
                let version = state.version(of: expected.document)
                guard version != expected.version else { continue }
                throw Failure(Rejection.changedMeanwhile(expected.document, version: version))
            }
        }
    }

    // MARK: Changing

    /// Makes a change: proposes it here, on the primary, and returns when it is committed and every follower has
    /// applied it or was left behind. When this proxy stops leading, being committed is enough.
    ///
    /// - Throws: a failure that says whether the change was refused, had no effect, or is in doubt.
    func change(_ command: Command, for origin: Origin) async throws(Failure) -> Cluster.Outcome {
        try await decide(command, for: origin).accepted
    }

    /// The same for a command that is made from the state there is. What `make` refuses within a session is refused in the
    /// log, because an earlier copy of the request may have been made, and then that is the answer.
    func change(
        for origin: Origin,
        _ make: @Sendable (PublishedState.Snapshot) async throws(Failure) -> Command
    ) async throws(Failure) -> Cluster.Outcome {
        try await decide(for: origin, make).accepted
    }

    /// Makes a command from the state there is. What refuses it is said by the word of one who leads, and in one order: what
    /// there is not, then what the request rests on (`If-Match`), then what stands in the way.
    func judged(
        _ now: PublishedState.Snapshot, for origin: Origin,
        _ make: (PublishedState.Snapshot) throws(Failure) -> Command
    ) async throws(Failure) -> Command {
        do throws(Failure) {
            return try make(now)
        } catch {
            let newest = try await linearizable()
            do throws(Failure) {
                return try make(newest)
            } catch {
                if error.status != 404 { try origin.check(newest.state) }
                throw error
            }
        }
    }

    /// The same for several commands, which one entry makes together or not at all. What refuses one of them refuses all, in
    /// the words that it has alone.
    func changeAll(
        for origin: Origin,
        _ make: @Sendable (PublishedState.Snapshot) async throws(Failure) -> [Command]
    ) async throws(Failure) -> Cluster.Outcome {
        let outcome = try await decide(for: origin) { now throws(Failure) in
            let commands = try await make(now)
            return commands.count == 1 ? commands[0] : .batch(commands)
        }
        // Its place in the list says nothing to whoever named nodes.
        if case .failure(.inBatch(_, let rejection)) = outcome.result { throw Failure(rejection) }
        return try outcome.accepted
    }

    private func decide(
        for origin: Origin,
        _ make: @Sendable (PublishedState.Snapshot) async throws(Failure) -> Command
    ) async throws(Failure) -> Cluster.Outcome {
        guard let call = origin.terms.call else {
            return try await decide(try await make(try await current()), for: origin)
        }
        let ending = await calls.once(call) {
            let command: Command
            do throws(Failure) {
                let now = try await current()
                do throws(Failure) {
                    command = try await make(now)
                } catch {
                    // That something cannot be said now is no answer.
                    guard error.status < 500 else { return .failure(error) }
                    command = .session(error.refusal)
                }
            } catch {
                return .failure(error)
            }
            do throws(Failure) {
                return .success(try await decide(command, for: origin))
            } catch {
                return .failure(error)
            }
        }
        return try ending.get()
    }

    /// The state of a primary, with everything that was acknowledged by those before it: what is made from an older one
    /// would be refused for reasons that have passed.
    private func current() async throws(Failure) -> PublishedState.Snapshot {
        let now = published.now
        // Only one who leads proposes; others are refused there, with a reason.
        guard let status = group.statusChanges.value, status.role == .leader else { return now }
        let term = status.term.rawValue
        guard now.state.position.term < term else { return now }
        // Its own first entry cannot be committed, or not be applied, and it is known why.
        let standing = group.status
        if let members = standing.majorityWithoutSpace {
            throw group.failure(.noSpace(members))
        }
        if let found = standing.unreadable { throw group.failure(.unreadable(found)) }
        let published = published
        let newest = await loop.within(nanoseconds: UInt64(Limits.primarySeconds * 1e9)) {
            await published.first { $0.position.term >= term }
        }
        guard let newest = newest ?? nil else { throw group.noPrimary() }
        return newest
    }

    /// The same for a change that is worked out against a version of the configuration. When somebody else was quicker, what
    /// was asked for is worked out anew against what is there then, unless the client named the version it means.
    func changeConfig(
        for origin: Origin,
        _ make: @Sendable (PublishedState.Snapshot) async throws(Failure) -> Command
    ) async throws(Failure) -> Cluster.Outcome {
        try await decideConfig(for: origin, make).accepted
    }

    /// The same with what the log refuses as it refuses it.
    func decideConfig(
        for origin: Origin,
        _ make: @Sendable (PublishedState.Snapshot) async throws(Failure) -> Command
    ) async throws(Failure) -> Cluster.Outcome {
        for _ in 0..<Limits.configAttemptsMax {
            let outcome = try await decide(for: origin, make)
            guard case .failure(let rejection) = outcome.result, rejection.isAboutConfig,
                !origin.terms.preconditions.contains(where: { $0.document == .config })
            else { return outcome }
        }
        throw Failure(
            .configChanged,
            "others changed the configuration \(Limits.configAttemptsMax) times meanwhile",
            next: "nothing was changed; try again")
    }

    /// Proposes a change, and waits until it is made or refused, and known.
    private func decide(
        _ command: Command, for origin: Origin
    ) async throws(Failure) -> Cluster.Outcome {
        underWay.update { $0 += 1 }
        defer { underWay.update { $0 -= 1 } }
        let now = published.now.state
        let record = LogRecord(
            command, actor: origin.actor, clientAddress: origin.clientAddress,
            requestID: origin.requestID, stateIndex: now.position.index, stateHash: now.hash,
            call: origin.terms.call, preconditions: origin.terms.preconditions)
        let bytes = record.encoded
        guard bytes.count <= LogRecord.bytesMax else {
            throw Failure(
                .bodyTooLarge, "\(command.name) takes \(bytes.count) bytes of the log",
                next: "at most \(LogRecord.bytesMax): make it in parts")
        }
        // What cannot be read again would end every proxy that comes to it, for ever: it must not get into the log.
        do throws(DecodingFailure) {
            _ = try LogRecord(decoding: bytes)
        } catch {
            throw Failure(
                .badValue, "\(command.name) cannot be written to the log: \(error)",
                next: "nothing was changed; a text in it is longer than is allowed")
        }
        let begun = MonotonicTime.now()
        let ending = await group.raft.propose(bytes, bound: origin.terms.bound.map { TermMark($0) })
        group.counters.proposed(
            RaftCounters.Ending(ending), nanoseconds: MonotonicTime.now().since(begun))
        switch ending {
        case .applied(_, let outcome):
            guard case .success = outcome.result else { return outcome }
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
                next: Failure.inquiry(
                    origin.requestID, since: origin.terms.bound ?? group.bound(after: now)))
            failure.requestID = origin.requestID
            throw failure
        }
    }

    /// That this proxy leads, by the word of the majority, and in the term that a request is bound to: for what is done
    /// besides the log.
    func confirm(_ origin: Origin) async throws(Failure) {
        _ = try await linearizable()
        let term = group.term
        guard let bound = origin.terms.bound, TermMark(bound) != term else { return }
        throw .termPassed(now: term)
    }

    // MARK: Reading

    /// Sees to it that a client which says in `Martlet-Position` what it has seen meets nothing older: waits for it, and
    /// refuses when it does not come or cannot come any more (``Fence``).
    func catchUp(with exchange: Exchange) async throws(Failure) {
        guard let text = exchange.request.headers[named: HeaderName.position] else { return }
        guard let position = LogPosition(text: text) else {
            throw Failure(
                .badPosition, "'\(HeaderName.position)' is '\(text.excerpt)'",
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
            // What was acknowledged elsewhere since does not come here.
            let status = group.status
            if refusal == .timedOut, status.space?.isShort == true, status.role != .leader {
                throw .metadataDiskFull(
                    "this proxy does not get the newest metadata",
                    next: "ask another proxy, and make room on this one's disk")
            }
            var failure = group.failure(refusal)
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            // A member that is asked, and leads no more, refuses without a reason.
            let mayPass = failure.code == .noPrimary || failure.code == .overloaded
            if mayPass, elapsed < Limits.primarySeconds {
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
    func state(for query: Query) async throws(Failure) -> MetadataView {
        switch try query.consistency() {
        case .stale: return stale
        case nil, .linearizable: return MetadataView(try await linearizable())
        }
    }

    /// What this proxy has, and how old that may be. States follow one another here and never go back, so neither do the
    /// answers on one connection.
    var stale: MetadataView {
        MetadataView(published.now, ageNanoseconds: group.freshness.age(group.status))
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

extension Cluster.Outcome {
    /// Itself when something was changed.
    fileprivate var accepted: Cluster.Outcome {
        get throws(Failure) {
            if case .failure(let rejection) = result { throw Failure(rejection) }
            return self
        }
    }
}

extension Rejection {
    fileprivate var isAboutConfig: Bool {
        switch self {
        case .changedMeanwhile(.config, _), .inBatch(_, .changedMeanwhile(.config, _)): true
        default: false
        }
    }
}

extension Failure {
    /// What uses a sequence number up with this failure.
    fileprivate var refusal: SessionChange {
        .refuse(
            code: code.rawValue,
            message: String(decoding: message.utf8.prefix(Session.textBytesMax - 4), as: UTF8.self))
    }
}
