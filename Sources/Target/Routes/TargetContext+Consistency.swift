import API
import Cluster

extension TargetContext {
    /// A target shows what it has been told of the state (`consistency=stale`); what the majority has only proxies can say.
    func checkConsistency(_ query: Query) throws(Failure) {
        guard try query.consistency() == .linearizable else { return }
        let map = publisher.current.state.map
        let proxy = map.primary.flatMap { map[$0] } ?? map.nodes(.proxy).first
        throw Failure(
            .badQuery,
            "'\(QueryName.consistency)=\(Consistency.linearizable.rawValue)' is not for a target, which has what it has "
                + "been told",
            next: "ask a proxy\(proxy.map { " as \($0.address.url)" } ?? ""), or leave it out")
    }
}
