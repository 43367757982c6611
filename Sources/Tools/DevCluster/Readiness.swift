/// Whether a bucket could be created now, and on every node: the question `start` waits on.
///
/// A cluster is ready when every node answers its readiness question with 200, and every node's
/// map holds all nodes and names one and the same primary.
struct Readiness {
    let reports: [NodeReport]

    /// The primary that every node names: that of the first which names any, as the first may be dead.
    var primary: String? { reports.lazy.compactMap(\.primary).first }

    /// What is still missing, one line each; empty when the cluster is ready.
    var missing: [String] {
        let everyone = Set(reports.map(\.node.id))
        return reports.compactMap { report in
            let id = report.node.id
            if let reason = report.reason { return "\(id): \(reason)" }
            let absent = everyone.subtracting(report.members).sorted()
            if !absent.isEmpty { return "\(id): its map lacks \(absent.joined(separator: ", "))" }
            guard let named = report.primary, !named.isEmpty else {
                return "\(id): it knows no primary"
            }
            return named == primary ? nil : "\(id): it takes \(named) for the primary"
        }
    }
}
