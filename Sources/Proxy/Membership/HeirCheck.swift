import API
import Base
import Cluster
import Consensus
import HTTP

/// What keeps a proxy from taking over that it alone knows: it stands still before an entry that it cannot read
/// (docs/decisions/0031). Told to stand for election it would not, and the hand-over would end a term for nothing; so it is asked before.
struct HeirCheck: Sendable {
    let client: Client
    let loop: EventLoop

    /// Asks a proxy whether it can read the log.
    ///
    /// - Returns: why it cannot take over; `nil` when it says nothing like that, and when it says nothing at all in time: what becomes
    ///   of the hand-over will tell.
    func obstacle(to heir: Node) async -> Failure? {
        let asked = await loop.within(nanoseconds: UInt64(Limits.reachableSeconds * 1e9)) {
            await readiness(of: heir)
        }
        return (asked ?? nil).flatMap { Self.obstacle(to: heir.id, saying: $0) }
    }

    /// Whether a proxy says anything at all, and in time.
    func answers(_ heir: Node) async -> Bool {
        await loop.within(nanoseconds: UInt64(Limits.reachableSeconds * 1e9)) {
            await health(of: heir) != nil
        } ?? false
    }

    /// Why a proxy that is not ready for this reason cannot take over; `nil` when it can all the same, as far as it knows.
    static func obstacle(to heir: NodeID, saying reason: Failure) -> Failure? {
        guard reason.code == .logUnreadable else { return nil }
        return Failure(
            .logUnreadable, "\(heir) cannot be primary; it says: \(reason.message)",
            next: "name another proxy, and mend \(heir)" + (reason.next.map { ": \($0)" } ?? ""))
    }

    private func readiness(of node: Node) async -> Failure? {
        await health(of: node).flatMap { Failure(decoding: $0) }
    }

    /// What a proxy says of itself; empty when it is ready, `nil` when it says nothing.
    private func health(of node: Node) async -> [UInt8]? {
        let response = try? await client.send(
            .get, node.endpoint, "/v1/health?\(QueryName.readiness)=true",
            timeouts: Client.Timeouts(
                connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.reachableSeconds))
        return try? await response?.collect(upTo: Limits.nodeDocumentBytes)
    }
}
