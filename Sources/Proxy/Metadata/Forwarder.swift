import API
import Base
import Cluster
import Consensus
import HTTP

/// Takes a request that only the primary can serve to the primary, and its answer back (contract §2.7).
struct Forwarder: Sendable {
    let id: NodeID
    let group: RaftGroup
    let client: Client
    let loop: EventLoop

    /// What a request needs to be sent on.
    struct Request: Sendable {
        var method: Method
        /// Path and query, as they came.
        var target: String
        var body: [UInt8]
        var origin: MetadataService.Origin
        /// Whether another proxy has sent it here; then it goes no further.
        var isForwarded: Bool
    }

    enum Reply<Value: Sendable>: Sendable {
        /// This proxy is the primary, and this is what it made of the request.
        case local(Value)
        case relayed(Answer)
    }

    /// Has the primary serve a request: here by `serve` when this proxy is it, else over there. While an election or
    /// a hand-over is under way, it waits for a primary: a request that has met none has had no effect.
    ///
    /// - Throws: what `serve` throws; or that there is no primary, or that it was lost after it had got the request.
    func onPrimary<Value: Sendable>(
        _ request: Request, _ serve: () async throws -> Value
    ) async throws -> Reply<Value> {
        let begun = MonotonicTime.now()
        while true {
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            let rest = Limits.primarySeconds - elapsed
            if group.isLeader {
                do {
                    return .local(try await serve())
                } catch let failure as Failure where failure.code == .noPrimary {
                    // It has stopped leading. Whoever sent the request here tries again by itself.
                    guard rest > 0, !request.isForwarded else { throw failure }
                }
            } else if request.isForwarded {
                // Whoever sent it here knows better soon; what is missing here need not be missing there.
                throw Failure(.noPrimary, "\(id) is not the primary", next: "try again in a moment")
            } else {
                guard rest > 0, await mayHavePrimary(rest) else { throw group.noPrimary() }
                if let primary = group.primary, primary.id != id,
                    let answer = try await send(request, to: primary)
                {
                    return .relayed(answer)
                }
            }
            await pause()
        }
    }

    /// Whether waiting makes sense: with the majority missing it does not.
    private func mayHavePrimary(_ seconds: Double) async -> Bool {
        if group.status.leader != nil { return true }
        if group.noPrimary().code != .noPrimary { return false }
        return await group.waitForLeader(loop, seconds: seconds)
    }

    private func pause() async {
        await loop.sleep(nanoseconds: UInt64(Limits.primaryRetrySeconds * 1e9))
    }

    /// - Returns: `nil` when the request has certainly had no effect and may be tried again.
    private func send(_ request: Request, to primary: Node) async throws(Failure) -> Answer? {
        do throws(ClientError) {
            let answer = try await ask(primary, request)
            if answer.status == .serviceUnavailable,
                Failure(decoding: answer.body)?.code == .noPrimary
            {
                return nil
            }
            return answer
        } catch {
            switch error {
            case .unreachable: return nil
            case .overloaded:
                throw Failure(
                    .overloaded, "too many requests wait for the primary \(primary.id)")
            default: break
            }
            if request.method == .get || request.method == .head { return nil }
            var failure = Failure(
                .outcomeUnknown,
                "the primary \(primary.id) was lost after it had got the request; the change may "
                    + "or may not have been made",
                cause: error.description, next: "look before you repeat it")
            failure.requestID = request.origin.requestID
            throw failure
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

    private func relay(_ request: Request, to primary: Node) async throws(ClientError) -> Answer {
        let response = try await client.send(
            request.method, primary.endpoint, request.target,
            headers: [
                (HeaderName.forwardedBy, id.text),
                (HeaderName.requestID, request.origin.requestID),
                (HeaderName.clientAddress, request.origin.clientAddress),
            ],
            body: request.body,
            timeouts: Client.Timeouts(
                connectSeconds: Limits.streamConnectSeconds,
                responseSeconds: Limits.forwardSeconds),
            // Destroying a bucket twice would report the second attempt's "no such bucket".
            mayRepeat: request.method == .get || request.method == .head)
        let body = try await response.collect(upTo: Limits.relayedBytes)
        let ours: Set = ["content-length", "connection", "date", "content-type", "keep-alive"]
        return Answer(
            response.status, contentType: response.headers["content-type"] ?? "", body: body,
            headers: response.headers.pairs.filter { !ours.contains($0.name.lowercased()) })
    }
}
