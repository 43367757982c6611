import API
import Base
import Cluster
import HTTP

/// Asks many nodes the same question, a bounded number at once, and each for a bounded time.
struct FanOut: Sendable {
    let client: Client

    /// What the nodes said, each in order of the nodes' ids.
    struct Answers: Sendable {
        /// JSON without a newline behind it.
        var documents: [(node: Node, body: [UInt8])] = []
        /// Who did not answer, or answered an error, and why.
        var unanswered: [(node: Node, failure: Failure)] = []
    }

    /// Asks for `/v1/daemon?what=…`. One node that does not answer takes nothing from what the others say; whoever uses
    /// the answers names it.
    func ask(
        _ nodes: [Node], _ what: String, body: [UInt8] = [],
        upTo bytesMax: Int = Limits.fanOutBytes,
        on loop: EventLoop
    ) async -> Answers {
        let results = await withTaskGroup(of: (Int, Result<[UInt8], Failure>).self) { group in
            var results: [Int: Result<[UInt8], Failure>] = [:]
            let begun = MonotonicTime.now()
            for (place, node) in nodes.enumerated() {
                if place >= Limits.fanOutMax, let (done, result) = await group.next() {
                    results[done] = result
                }
                // With very many nodes missing, the rest is not waited for, and named all the same.
                let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
                if elapsed > Limits.fanOutWholeSeconds { break }
                group.addTask { (place, await ask(node, what, body, bytesMax, loop)) }
            }
            for await (place, result) in group { results[place] = result }
            return results
        }
        var answers = Answers()
        for (place, node) in nodes.enumerated() {
            switch results[place] {
            case .success(let body): answers.documents.append((node, body))
            case .failure(let failure): answers.unanswered.append((node, failure))
            case nil:
                answers.unanswered.append(
                    (node, Self.silent(node, what, "there was no time left to ask it")))
            }
        }
        return answers
    }

    private func ask(
        _ node: Node, _ what: String, _ body: [UInt8], _ bytesMax: Int, _ loop: EventLoop
    ) async -> Result<[UInt8], Failure> {
        // One that sends its answer byte by byte would keep all the others waiting.
        let result = await loop.within(nanoseconds: UInt64(Limits.fanOutSeconds * 1e9)) {
            await fetch(node, what, body, bytesMax)
        }
        return result
            ?? .failure(
                Self.silent(node, what, "it took more than \(Limits.fanOutSeconds) s"))
    }

    private func fetch(
        _ node: Node, _ what: String, _ body: [UInt8], _ bytesMax: Int
    ) async -> Result<[UInt8], Failure> {
        do {
            let response = try await client.send(
                .get, node.endpoint, "/v1/daemon?what=\(what)", body: body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutSeconds))
            var body = try await response.collect(upTo: bytesMax)
            guard response.status == .ok else {
                return .failure(
                    Failure(decoding: body)
                        ?? Self.silent(node, what, "it answered \(response.status.rawValue)"))
            }
            while body.last == UInt8(ascii: "\n") { body.removeLast() }
            // Only a document goes into a document.
            _ = try JSONValue(parsing: body)
            return .success(body)
        } catch {
            return .failure(Self.silent(node, what, "\(error)"))
        }
    }

    private static func silent(_ node: Node, _ what: String, _ cause: String) -> Failure {
        Failure(
            node.role == .target ? .targetUnreachable : .proxyUnreachable,
            "\(node.id) at \(node.address.url) did not tell its \(what)",
            cause: cause, next: "start it again, or take it off the map")
    }
}

extension JSONWriter {
    /// The documents of nodes, by their ids.
    mutating func value(_ documents: [(node: Node, body: [UInt8])]) {
        object { json in
            for (node, body) in documents {
                json.key(node.id.text)
                json.raw(body)
            }
        }
    }

    /// Who is missing in a document of the whole cluster. Not of AIStore; absent when everybody has answered.
    mutating func unanswered(_ nodes: [(node: Node, failure: Failure)]) {
        guard !nodes.isEmpty else { return }
        key("unanswered")
        array { json in
            for (node, failure) in nodes {
                json.object { json in
                    json.member("id", node.id.text)
                    json.member("type", node.role.text)
                    json.member("url", node.address.url)
                    json.member("code", failure.code.rawValue)
                    json.member("message", failure.message)
                    if let cause = failure.cause { json.member("cause", cause) }
                }
            }
        }
    }
}
