import Base
package import Cluster

/// The nodes that a request is about: `sid` names one, and `sids`, of AIStore's later versions, several (contract §7.10).
package struct NodeChoice: Equatable, Sendable {
    /// As many changes as one entry of the log holds.
    package static let countMax = Command.batchMax

    /// In the order in which the request names them; each once, and one at least.
    package let ids: [NodeID]

    /// Reads both keys; `form` is how it is said rightly.
    ///
    /// - Throws: what is wrong with either key, or that they do not name the same.
    package init(_ value: ActionValue, form: String) throws(Failure) {
        let one = try value.string("sid") ?? ""
        guard let several = try value.strings("sids") else {
            guard !one.isEmpty else {
                throw Failure(.badValue, "'value.sid' does not name a node", next: form)
            }
            ids = [try Self.id(one, form)]
            return
        }
        guard !several.isEmpty else {
            throw Failure(.badValue, "'value.sids' names no node", next: form)
        }
        guard several.count <= Self.countMax else {
            throw Failure(
                .badValue, "'value.sids' names \(several.count) nodes",
                next: "at most \(Self.countMax) in one request")
        }
        var ids: [NodeID] = []
        for text in several {
            let id = try Self.id(text, form)
            guard !ids.contains(id) else {
                throw Failure(.badValue, "'value.sids' names \(id) twice", next: "once is enough")
            }
            ids.append(id)
        }
        guard one.isEmpty || several == [one] else {
            throw Failure(
                .badValue,
                "'value.sid' is \(one.excerpt), and 'value.sids' names \(several.joined(separator: ", ").excerpt)",
                next: "send one of the two")
        }
        self.ids = ids
    }

    private static func id(_ text: String, _ form: String) throws(Failure) -> NodeID {
        guard let id = NodeID(text) else {
            throw Failure(.badNode, "'\(text.excerpt)' is not a node's id", next: form)
        }
        return id
    }
}
