import API
import Base
import Cluster
import HTTP

/// Asks whether an order still stands, before anything is moved because of it.
///
/// What a proxy shows is committed, and may be old: one that is behind, or cut off, shows an order that was given up since to a target
/// that was started again and knows of nothing newer. What is given up so is to stay where it is (decision 0028), so the word of
/// a majority is asked for.
struct OrderInquiry: Sendable {
    let node: NodeID
    let proxies: ProxyCaller

    /// - Returns: why nothing may be moved, in a sentence; `nil` when the order stands as the record has it.
    func obstacle(to record: DecommissionRecord) async -> String? {
        let question =
            "/v1/cluster?what=decommission&consistency=linearizable&\(QueryName.node)=\(PercentCoding.encoded(node.text))"
        do throws(Failure) {
            let answer = try await proxies.sendUntilDone(.get, question)
            guard answer.status == .ok else {
                throw Failure(decoding: answer.body)
                    ?? Failure(.unknown, "a proxy answered \(answer.status.rawValue)")
            }
            let open = try RemovalProgress.openOrder(of: node, in: answer.body)
            guard open != record.position else { return nil }
            return
                "order \(record.position.text) does not stand any more, and the news has not come"
        } catch {
            return "no proxy can say that the order still stands: \(error.message)"
        }
    }
}
