import API
import Base
import Cluster
import Consensus
import HTTP

/// Asks a primary that leads on what became of a change that was on its way to it when the connection was lost: the
/// question that a client in doubt would ask (``RequestInquiry``), asked for it.
struct PrimaryInquiry: Sendable {
    let id: NodeID
    let group: RaftGroup
    let published: PublishedState
    let lostRequests: LostRequests
    let client: Client
    let loop: EventLoop
    /// A connection that carried many loses them all at once, and each of these has one of its own.
    private let places = Places(Limits.inquiriesMax)

    init(
        id: NodeID, group: RaftGroup, published: PublishedState, lostRequests: LostRequests,
        client: Client, loop: EventLoop
    ) {
        (self.id, self.group, self.published) = (id, group, published)
        (self.lostRequests, self.client, self.loop) = (lostRequests, client, loop)
    }

    private enum Word {
        /// It is in the log up to there.
        case applied(LogPosition)
        case notApplied
    }

    /// Asks until there is an answer, the term is over, or a change has waited for a primary for as long as it may.
    func fate(of request: String, bound: LogPosition, at primary: Node) async -> LostRequests.Fate {
        let begun = MonotonicTime.now()
        while group.term == TermMark(bound) {
            let left = Limits.primarySeconds - Double(MonotonicTime.now().since(begun)) / 1e9
            guard left > 0 else { break }
            switch await ask(primary, request, since: bound, within: left) {
            case .notApplied: return .givenUp
            case .applied(let place):
                // The answer is made of what the log has here.
                let isHere = await loop.within(nanoseconds: UInt64(left * 1e9)) {
                    await published.first { $0.position >= place } != nil
                }
                guard isHere == true else { return .unknown }
                return await lostRequests.look(for: request, bound, isOver: false)
            case nil:
                let pause = UInt64(Limits.inquiryRetrySeconds * 1e9)
                guard await loop.sleep(nanoseconds: pause) else { return .unknown }
            }
        }
        return .unknown
    }

    private func ask(
        _ primary: Node, _ request: String, since: LogPosition, within seconds: Double
    ) async -> Word? {
        guard places.take() else { return nil }
        defer { places.giveBack() }
        let target =
            "/v1/cluster?what=history&\(QueryName.requestID)=\(PercentCoding.encoded(request))"
            + "&\(QueryName.since)=\(since.text)"
        do {
            let response = try await client.send(
                .get, primary.endpoint, target, headers: [(HeaderName.forwardedBy, id.text)],
                timeouts: Client.Timeouts(
                    connectSeconds: min(seconds, Limits.streamConnectSeconds),
                    responseSeconds: seconds),
                // Others that are kept may have gone the same way.
                mayReuse: false)
            let body = try await response.collect(upTo: Limits.relayedBytes)
            guard response.status == .ok,
                case .object(let document) = try JSONValue(parsing: body),
                let fate = document["outcome"]?.string.flatMap(HistoryDocument.Fate.init)
            else { return nil }
            switch fate {
            case .notApplied: return .notApplied
            case .applied:
                return response.headers[named: HeaderName.position].flatMap {
                    LogPosition(text: $0)
                }
                .map { .applied($0) }
            case .notYetKnown: return nil
            }
        } catch {
            return nil
        }
    }
}
