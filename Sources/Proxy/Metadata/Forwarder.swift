import API
import Base
import Cluster
import Consensus
import HTTP

/// Takes a request that only the primary can serve to the primary, and its answer back (contract §2.7).
struct Forwarder: Sendable {
    let id: NodeID
    let group: RaftGroup
    let published: PublishedState
    let givenUp: GivenUpRequests
    let lostRequests: LostRequests
    let inquiry: PrimaryInquiry
    let client: Client
    let loop: EventLoop
    let config: LiveConfig

    /// What a request needs to be sent on.
    struct Request: Sendable {
        var method: Method
        /// Path and query, as they came.
        var target: String
        var body: [UInt8]
        var origin: MetadataService.Origin
        var reach: Reach
        /// Whether its client is content when it is sent again after all, or answered from its line in the history. Sessions have
        /// no lines there, ends of nodes are more than theirs, and who is to lead was asked of another term.
        var isSentAgain = true
        /// The answer to a change that is in the history while its own answer was lost; `nil` where the line does not tell all
        /// of it, or is of something else.
        var recalled: @Sendable (HistoryEntry) -> Answer? = { _ in nil }

        /// Whether it changes nothing, so that losing it leaves no doubt.
        var isRead: Bool {
            method == .get || method == .head || RequestTarget(target).isRehearsal
        }
    }

    /// How far a request may go from here.
    enum Reach: Sendable {
        /// A client sent it: to the primary, or through another proxy that reaches it.
        case anywhere
        /// A proxy sent it that does not reach the primary: to the primary only, and at once.
        case primary
        /// A proxy sent it that takes this one for the primary: no further.
        case here
    }

    enum Reply<Value: Sendable>: Sendable {
        /// This proxy is the primary, and this is what it made of the request.
        case local(Value)
        case relayed(Answer)

        /// What another proxy could not do, or not say.
        fileprivate var failure: Failure? {
            guard case .relayed(let answer) = self, answer.status.rawValue >= 500 else {
                return nil
            }
            return Failure(decoding: answer.body)
        }
    }

    /// Has the primary serve a request: here by `serve` when this proxy is it, else over there. While an election or
    /// a hand-over is under way, it waits for a primary: a request that has met none has had no effect. When none is
    /// reached although others are, one of these may reach it.
    ///
    /// - Throws: what `serve` throws; or that there is no primary, or that it was lost after it had got the request.
    func onPrimary<Value: Sendable>(
        _ request: Request, _ serve: () async throws -> Value
    ) async throws -> Reply<Value> {
        guard request.origin.terms.call != nil, request.reach == .anywhere else {
            return try await onPrimaryOnce(request, serve)
        }
        // Within a session a request whose outcome is in doubt is repeated, as its client would, for as long as an election
        // takes. What refuses a later copy says nothing of the one before it, so the doubt stays.
        let begun = MonotonicTime.now()
        var doubt: Failure?
        while true {
            let trouble: Failure
            do {
                let reply = try await onPrimaryOnce(request, serve)
                guard let failure = reply.failure, doubt != nil || failure.code == .outcomeUnknown
                else { return reply }
                trouble = failure
            } catch let failure as Failure where failure.status >= 500 {
                trouble = failure
            }
            if trouble.code == .outcomeUnknown { doubt = trouble }
            guard let doubt else { throw trouble }
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            guard elapsed < Limits.primarySeconds else { throw doubt }
            await pause()
        }
    }

    private func onPrimaryOnce<Value: Sendable>(
        _ request: Request, _ serve: () async throws -> Value
    ) async throws -> Reply<Value> {
        let begun = MonotonicTime.now()
        // An election is usually over by then; a primary that was not heard for as long is out of reach. One that has just
        // handed over is no way round: it may be ending.
        var detourDue: Double?
        while true {
            let view = group.leaderView
            // Another proxy might make the change in the generation that has replaced this one's.
            if let generation = view.supersededBy {
                throw Failure.superseded(by: generation, group.node)
            }
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            let isInTime = request.reach == .anywhere && elapsed < Limits.primarySeconds
            if view.role == .leader {
                do {
                    return .local(try await serveHere(request, serve))
                } catch let failure as Failure where failure.code == .noPrimary {
                    // It has stopped leading. Whoever sent the request here tries again by itself.
                    guard isInTime else { throw failure }
                }
            } else {
                if let answer = try await sendToPrimary(request) { return .relayed(answer) }
                guard request.reach == .anywhere else {
                    // Whoever sent it here knows better soon; what is missing here need not be missing there.
                    throw Failure(
                        .noPrimary, "\(id) is not the primary", next: "try again in a moment")
                }
                let trouble = group.noPrimary()
                // It may have been lost on its way for long; then its client has given up, and may have looked.
                guard Double(MonotonicTime.now().since(begun)) / 1e9 < Limits.resendSeconds else {
                    throw trouble
                }
                // With the majority out of sight, waiting makes no sense.
                let due = detourDue ?? (isWithoutPrimary(view) ? 0 : Limits.detourSeconds)
                detourDue = due
                if elapsed >= due || trouble.code == .noQuorum {
                    if let answer = try await sendAround(request) { return .relayed(answer) }
                    detourDue = elapsed + Limits.detourSeconds
                }
                guard isInTime, trouble.code == .noPrimary else { throw trouble }
            }
            await pause()
        }
    }

    /// Serves a request as the primary: in the term that it is bound to, and unless it has been given up.
    private func serveHere<Value: Sendable>(
        _ request: Request, _ serve: () async throws -> Value
    ) async throws -> Value {
        let isNoted = try enter(request)
        defer { if isNoted { givenUp.leave(request.origin.requestID) } }
        return try await serve()
    }

    /// - Returns: whether the request is counted among those under way.
    private func enter(_ request: Request) throws(Failure) -> Bool {
        guard request.method != .get, request.method != .head else { return false }
        let term = group.term
        if let bound = request.origin.terms.bound, TermMark(bound) != term {
            throw Failure.termPassed(now: term)
        }
        // A copy of a session's request does no harm whenever it comes; the log knows it.
        guard request.origin.terms.call == nil else { return false }
        try givenUp.enter(request.origin.requestID, in: term)
        return true
    }

    private func sendToPrimary(_ request: Request) async throws(Failure) -> Answer? {
        guard request.reach != .here, let primary = group.primary, primary.id != id else {
            return nil
        }
        return try await send(request, to: primary)
    }

    /// Through another proxy, which may reach a primary that this one does not.
    private func sendAround(_ request: Request) async throws(Failure) -> Answer? {
        for proxy in group.detours {
            if let answer = try await send(request, to: proxy, isDetour: true) { return answer }
        }
        return nil
    }

    // MARK: Reads

    /// The answer of another proxy to a read that must be the newest, when this one does not reach the primary and others
    /// may: by the way that changes take, and no further than one proxy.
    ///
    /// - Returns: `nil` when none can say for certain.
    func readAround(_ request: Request) async -> Answer? {
        guard request.reach == .anywhere else { return nil }
        for proxy in group.detours {
            guard let answer = try? await send(request, to: proxy, isDetour: true),
                answer.status.rawValue < 500,
                // What it shows for want of better is no better than what there is here.
                answer[HeaderName.age] == nil
            else { continue }
            return answer
        }
        return nil
    }

    /// Whether the primary was not heard here for so long that an election would be over.
    var isCutOff: Bool {
        let view = group.leaderView
        // Whom a forced recovery has left behind has nobody to ask.
        guard view.role != .leader, view.supersededBy == nil else { return false }
        return isWithoutPrimary(view)
    }

    private func isWithoutPrimary(_ view: LeaderView) -> Bool {
        Double(view.absence) / 1e9 >= Limits.detourSeconds
    }

    private func pause() async {
        // A leader that is known and did not serve the request is handing over, or does not answer yet: it helps that
        // another one is known, or that time passes.
        let known = group.leaderView.leader
        let seconds = known == nil ? Limits.electionSeconds : Limits.primaryRetrySeconds
        _ = await loop.within(nanoseconds: UInt64(seconds * 1e9)) {
            await group.statusChanges.first { $0?.leader != nil && $0?.leader != known }
        }
    }

    /// Sends a request on, bound to the term that its primary is in: frozen or on its way for long, it is not taken in a later
    /// one, when the client has been told something else (decision 0027).
    ///
    /// - Returns: `nil` when the request has certainly had no effect and may be tried again.
    private func send(
        _ request: Request, to node: Node, isDetour: Bool = false
    ) async throws(Failure) -> Answer? {
        let isRead = request.isRead
        let terms = request.origin.terms
        var request = request
        // Its client says in which term; and what becomes of a session's request is found out by repeating it.
        let isOurs = terms.bound == nil && terms.call == nil && !isRead
        if isOurs { request.origin.terms.bound = group.bound(after: published.now.state) }
        var isSecond = false
        while true {
            do throws(ClientError) {
                let answer =
                    isDetour
                    ? try await relay(request, to: node, isDetour: true)
                    : try await ask(node, request)
                guard answer.status.rawValue >= 400 else { return answer }
                switch Failure(decoding: answer.body)?.code {
                case .noPrimary where answer.status == .serviceUnavailable: return nil
                case .termPassed where isOurs:
                    // Nothing was done. Who does not hear the primary cannot know its term, and is told here.
                    guard !isSecond, let now = answer.position else { return nil }
                    request.origin.terms.bound?.adoptTerm(of: now)
                    isSecond = true
                default: return answer
                }
            } catch {
                switch error {
                case .unreachable: return nil
                case .overloaded:
                    throw Failure(.overloaded, "too many requests wait for \(node.id)")
                default: break
                }
                if isRead { return nil }
                return try await find(request, isOurs: isOurs, lostAt: node, isDetour, error)
            }
        }
    }

    /// What became of a change whose answer was lost, as far as the log tells here.
    ///
    /// - Returns: its answer; `nil` when it certainly was not made.
    /// - Throws: that it is in doubt, or was made with an answer that has more in it than the log.
    private func find(
        _ request: Request, isOurs: Bool, lostAt node: Node, _ isDetour: Bool,
        _ error: ClientError
    ) async throws(Failure) -> Answer? {
        let origin = request.origin
        let other = "\(isDetour ? "proxy" : "the primary") \(node.id)"
        var outcome = "the change may or may not have been made"
        if isOurs, request.isSentAgain, error == .disconnected || error == .timedOut,
            let bound = origin.terms.bound
        {
            // Who passes it on for another proxy leaves it to that one to find out; and a name that its client may use again is not
            // to be given up unasked.
            let asks = !isDetour && request.reach == .anywhere && !origin.isNamed
            switch await fate(of: origin.requestID, bound: bound, at: asks ? node : nil) {
            case .notMade: return nil
            case .givenUp:
                throw Failure(
                    .noPrimary,
                    "the connection to \(other) was lost; it has changed nothing for this request, and takes it no more",
                    cause: error.description,
                    next: "send it again")
            case .made(let entry):
                // Of another connection it is another copy, which may have met something else.
                if entry.clientAddress == origin.clientAddress,
                    let answer = request.recalled(entry)
                {
                    return answer
                }
                outcome =
                    "its entry is in the log, at \(entry.position.text); whether all that follows it is "
                    + "done is not known"
            case .unknown: break
            }
        }
        var failure = Failure(
            .outcomeUnknown, "\(other) was lost after it had got the request; \(outcome)",
            cause: error.description,
            next: origin.terms.bound.map { Failure.inquiry(origin.requestID, since: $0) }
                ?? "repeat it within its session")
        failure.requestID = origin.requestID
        throw failure
    }

    /// By the log when another term has begun; until then, by the word of the primary that it was sent to.
    private func fate(
        of requestID: String, bound: LogPosition, at primary: Node?
    ) async -> LostRequests.Fate {
        await withTaskGroup(of: LostRequests.Fate.self) { tasks in
            tasks.addTask { await lostRequests.fate(of: requestID, bound: bound) }
            if let primary {
                tasks.addTask { await inquiry.fate(of: requestID, bound: bound, at: primary) }
            }
            defer { tasks.cancelAll() }
            for await fate in tasks {
                if case .unknown = fate { continue }
                return fate
            }
            return .unknown
        }
    }

    /// The primary's answer, as long as it is the primary: one that was cut off or frozen would keep the client
    /// waiting for nothing long after another has taken over.
    private func ask(_ primary: Node, _ request: Request) async throws(ClientError) -> Answer {
        let result = await withTaskGroup(of: Result<Answer, ClientError>?.self) { tasks in
            tasks.addTask {
                do throws(ClientError) {
                    return .success(try await relay(request, to: primary))
                } catch {
                    return .failure(error)
                }
            }
            tasks.addTask {
                await untilReplaced(primary)
                return nil
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            if let first { return first }
            // An answer that came just then still counts; otherwise it says why it was given up.
            let last = await tasks.next() ?? nil
            if case .failure(.cancelled)? = last { return .failure(.timedOut) }
            return last ?? .failure(.timedOut)
        }
        return try result.get()
    }

    /// Returns when another proxy leads, or none, for long enough that the one asked has nothing to say any more.
    private func untilReplaced(_ primary: Node) async {
        let member = MemberID(primary.member)
        while !Task.isCancelled {
            _ = await group.statusChanges.first { $0?.leader != member }
            let isBack = await loop.within(nanoseconds: UInt64(Limits.replacedSeconds * 1e9)) {
                await group.statusChanges.first { $0?.leader == member } != nil
            }
            if isBack != true { return }
        }
    }

    private func relay(
        _ request: Request, to node: Node, isDetour: Bool = false
    ) async throws(ClientError) -> Answer {
        var headers = [
            (HeaderName.forwardedBy, id.text),
            (HeaderName.requestID, request.origin.requestID),
            (HeaderName.clientAddress, request.origin.clientAddress),
        ]
        if request.origin.actor != MetadataService.Origin.client {
            headers.append((HeaderName.callerID, request.origin.actor))
        }
        headers += request.origin.terms.headers
        if let bound = request.origin.terms.bound {
            headers.append((HeaderName.term, bound.text))
        }
        var patience = config.values.seconds("client.client_timeout")
        if isDetour {
            headers.append((HeaderName.detour, "true"))
            // One who can serve it does so within what a change may wait for its followers, and may freeze meanwhile: nobody
            // says here that it was replaced, as with a primary.
            patience = min(patience, 2 * config.values.seconds("timeout.cplane_operation"))
        }
        let response = try await client.send(
            request.method, node.endpoint, request.target, headers: headers,
            body: request.body,
            timeouts: Client.Timeouts(
                connectSeconds: Limits.streamConnectSeconds,
                responseSeconds: patience),
            // Destroying a bucket twice would report the second attempt's "no such bucket".
            mayRepeat: request.isRead,
            // What cuts off the primary cuts off others in the same moment, and a connection from before would swallow
            // the request: the client would wait for its whole time, and not know what became of it.
            mayReuse: !isDetour)
        let body = try await response.collect(upTo: Limits.relayedBytes)
        let ours: Set = ["content-length", "connection", "date", "content-type", "keep-alive"]
        return Answer(
            response.status, contentType: response.headers["content-type"] ?? "", body: body,
            headers: response.headers.pairs.filter { !ours.contains($0.name.lowercased()) })
    }
}

extension Answer {
    /// To a change that is answered with nothing but its place in the log.
    static func made(at position: LogPosition) -> Answer {
        Answer(.ok, contentType: "", body: [], headers: [(HeaderName.position, position.text)])
    }

    fileprivate var position: LogPosition? {
        self[HeaderName.position].flatMap { LogPosition(text: $0) }
    }
}

extension LogPosition {
    fileprivate mutating func adoptTerm(of other: LogPosition) {
        (generation, nonce, term) = (other.generation, other.nonce, other.term)
    }
}
