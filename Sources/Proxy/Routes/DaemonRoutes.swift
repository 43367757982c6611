import API
import Base
import Cluster
import HTTP

/// `/v1/daemon`: this proxy's own view (contract §6, §8).
struct DaemonRoutes: Sendable {
    let node: Node
    let metadata: MetadataService
    let raft: RaftDocument
    let actions: DaemonActions

    func serve(_ exchange: Exchange, _ rest: [String], _ query: Query) async throws {
        if exchange.request.method == .put, rest.isEmpty {
            return try await actions.serve(exchange, query)
        }
        if rest.first == "mountpaths" {
            throw Failure(
                .unknownResource, "a proxy has no mountpaths",
                next: "ask the target itself: GET /v1/daemon?what=smap lists targets")
        }
        guard exchange.request.method == .get else {
            throw Failure.notImplemented("\(exchange.request.method.name) /v1/daemon")
        }
        guard rest.isEmpty else {
            throw Failure(.badPath, "/v1/daemon has no element '\(rest[0])' to read")
        }
        try await serve(exchange, query, what: try query.value(QueryName.what) ?? "")
    }

    func serve(_ exchange: Exchange, _ query: Query, what: String) async throws {
        switch what {
        case "smap":
            let now = try await view(query)
            exchange.respond(json: now.state.map.document, position: now.position)
        case "bmd", "bucketmd":
            let now = try await view(query)
            exchange.respond(json: now.state.bucketDocument, position: now.position)
        case "snode":
            var json = JSONWriter()
            json.value(node)
            json.newline()
            exchange.respond(.ok, type: "application/json", body: json.bytes)
        case "rmd":
            let now = try await view(query)
            exchange.respond(
                json: Rebalance.document(now.state.rebalance), position: now.position)
        case "raft": exchange.respond(.ok, type: "application/json", body: raft.encoded)
        default:
            throw Failure(
                .unknownDocument, "no document '\(what)'",
                next: "what=smap, bmd, rmd, snode or raft")
        }
    }

    /// A map is asked for most when something is wrong. So without a majority this proxy shows what it has, and
    /// says so; its position stands in a header either way.
    private func view(_ query: Query) async throws(Failure) -> PublishedState.Snapshot {
        do throws(Failure) {
            return try await metadata.state(for: query)
        } catch {
            guard try query.value(QueryName.consistency) ?? "" == "", error.status == 503 else {
                throw error
            }
            return metadata.published.now
        }
    }
}
