import API
import Base
import Cluster
import HTTP

/// Asks many nodes the same question at once, and puts their answers into one document.
struct FanOut: Sendable {
    let client: Client
    let config: LiveConfig

    /// `{"KEY":{"ID":answer,…}}`, with the nodes in order of their ids.
    ///
    /// - Throws: when a node does not answer: a document with a silent gap would look like a whole one.
    func document(
        _ what: String, of nodes: [Node], under key: String
    ) async throws(Failure) -> [UInt8] {
        let answers = await withTaskGroup(of: (NodeID, Result<[UInt8], Failure>).self) { group in
            for node in nodes {
                group.addTask { (node.id, await ask(node, what)) }
            }
            var answers: [NodeID: Result<[UInt8], Failure>] = [:]
            for await (id, answer) in group { answers[id] = answer }
            return answers
        }
        var parts: [(NodeID, [UInt8])] = []
        for node in nodes {
            guard let answer = answers[node.id] else { continue }
            parts.append((node.id, try answer.get()))
        }
        var json = JSONWriter()
        json.object { json in
            json.key(key)
            json.object { json in
                for (id, body) in parts {
                    json.key(id.text)
                    json.raw(body)
                }
            }
        }
        json.newline()
        return json.bytes
    }

    private func ask(_ node: Node, _ what: String) async -> Result<[UInt8], Failure> {
        do {
            let response = try await client.send(
                .get, node.endpoint, "/v1/daemon?what=\(what)",
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: config.values.seconds("client.client_timeout")))
            var body = try await response.collect(upTo: Limits.relayedBytes)
            guard response.status == .ok else {
                return .failure(
                    Failure(decoding: body)
                        ?? Self.unreachable(node, what, "it answered \(response.status.rawValue)"))
            }
            while body.last == UInt8(ascii: "\n") { body.removeLast() }
            // Only a document goes into a document.
            _ = try JSONValue(parsing: body)
            return .success(body)
        } catch {
            return .failure(Self.unreachable(node, what, "\(error)"))
        }
    }

    private static func unreachable(_ node: Node, _ what: String, _ cause: String) -> Failure {
        Failure(
            .targetUnreachable, "\(node.id) at \(node.address.url) did not tell its \(what)",
            cause: cause, next: "start it again, or take it off the map")
    }
}
