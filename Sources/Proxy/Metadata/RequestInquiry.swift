import API
import Base
import Cluster
import Consensus
import HTTP

/// `GET /v1/cluster?what=history&request_id=ID[&since=POSITION]`: what became of one request, as a last word wherever there
/// is one (decision 0027).
///
/// In the end the log says it: once a later term has begun, a request that is bound to an earlier one is in the log, or never
/// will be. While its own term lasts, the primary of that term says it: it takes the request no more, waits until no copy is
/// under way and everything that it had proposed is applied, and looks then.
struct RequestInquiry: Sendable {
    let daemon: DaemonRoutes
    let forwarder: Forwarder

    private var group: RaftGroup { forwarder.group }
    private var published: PublishedState { forwarder.published }

    /// An answer, and whether it is the last word.
    private struct Finding {
        var trace: HistoryDocument
        var fate: HistoryDocument.Fate
        var place: LogPosition
    }

    func serve(_ exchange: Exchange, _ query: Query, _ id: String) async throws {
        let since = try query.value(QueryName.since).map { text throws(Failure) in
            guard let position = LogPosition(text: text) else {
                throw Failure(
                    .badPosition, "'\(QueryName.since)' is '\(text.excerpt)'",
                    next: "as the failure named it that said outcome_unknown")
            }
            return position
        }
        let now = try await daemon.view(query)
        var finding = try await look(for: id, since, upTo: now.snapshot)
        if finding.fate == .notYetKnown, let since, case .confirmed = now.age {
            // The primary of that term can say more.
            var request = try exchange.forwardable([])
            request.method = .get
            do {
                let reply = try await forwarder.onPrimary(request) {
                    try await settle(id, since)
                }
                switch reply {
                case .relayed(let answer) where answer.status == .ok:
                    return exchange.relay(answer)
                case .relayed: break
                case .local(let settled): finding = settled ?? finding
                }
            } catch let failure as Failure where failure.status >= 500 {
                // There is none now; the next one decides it.
            }
        }
        let body = try finding.trace.encoded(finding.fate, of: id, at: finding.place)
        exchange.respond(json: body, of: now)
    }

    private func look(
        for id: String, _ since: LogPosition?, upTo now: PublishedState.Snapshot
    ) async throws -> Finding {
        let (trace, fate, _) = try await daemon.history.trace(of: id, since: since, upTo: now)
        return Finding(trace: trace, fate: fate, place: now.state.position)
    }

    /// As the primary of the term: brings the question to its end.
    ///
    /// - Returns: `nil` when this is not the primary of that term, or cannot say it now.
    private func settle(_ id: String, _ since: LogPosition) async throws -> Finding? {
        let term = TermMark(since)
        guard group.isLeader, group.term == term, forwarder.givenUp.giveUp(id, in: term) else {
            return nil
        }
        let isReached = await forwarder.loop.within(
            nanoseconds: UInt64(Limits.inquirySeconds * 1e9)
        ) {
            await forwarder.givenUp.rest(of: id)
            // What was proposed and has no answer lies before the end of the log as it is now.
            let end = group.status.last.index.rawValue
            return await published.first { $0.position.index >= end } != nil
        }
        guard isReached == true else { return nil }
        let now = published.now
        let (trace, fate, isWhole) = try await daemon.history.trace(of: id, since: since, upTo: now)
        var finding = Finding(trace: trace, fate: fate, place: now.state.position)
        // Everything up to the end was this primary's to apply only while it led.
        if fate == .notYetKnown, isWhole, group.isLeader, group.term == term {
            finding.fate = .notApplied
        }
        return finding
    }
}
