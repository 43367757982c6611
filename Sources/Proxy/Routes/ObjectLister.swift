import API
import Base
import Cluster
import HTTP

/// One page of a bucket's objects: a page from every target, merged in order of names.
struct ObjectLister: Sendable {
    let id: NodeID
    let client: Client
    let config: LiveConfig

    /// - Throws: when any target does not answer: a page with a silent gap would look like a whole one.
    func page(
        of bucket: Bucket, _ request: ListRequest, _ query: Query,
        _ now: PublishedState.Snapshot, on loop: EventLoop
    ) async throws(Failure) -> [UInt8] {
        var request = request
        if request.uuid.isEmpty { request.uuid = SystemRandom.identifier() }
        // One that removes what it has shows nothing any more, and is waited for by nobody.
        let targets = now.state.map.nodes(.target).filter { !$0.flags.contains(.decommission) }
        guard !targets.isEmpty else {
            throw Failure(.noTargets, "no available targets: the cluster map has none")
        }
        let message = request.encodedMessage
        let path = RequestTarget(
            "/v1/buckets/\(bucket.name)" + (query.text.isEmpty ? "" : "?\(query.text)"))
        let results = await withTaskGroup(of: (Int, Result<ListPage, Failure>).self) { group in
            for (place, target) in targets.enumerated() {
                let url = Redirect.location(
                    to: target, path, proxy: id, time: .now(), position: now.position)
                let rest = String(url.dropFirst(target.address.url.count))
                group.addTask { (place, await ask(target, rest, message, loop)) }
            }
            var results: [Int: Result<ListPage, Failure>] = [:]
            for await (place, result) in group { results[place] = result }
            return results
        }
        var pages: [ListPage] = []
        for place in targets.indices {
            guard let result = results[place] else { continue }
            pages.append(try result.get())
        }
        return ListMerge.merge(pages, for: request)
    }

    /// A target's page. Finding it may take the target long; but one that does not even answer that it lives is not
    /// waited for.
    private func ask(
        _ target: Node, _ path: String, _ message: [UInt8], _ loop: EventLoop
    ) async -> Result<ListPage, Failure> {
        await withTaskGroup(of: Result<ListPage, Failure>.self) { tasks in
            tasks.addTask { await fetch(target, path, message) }
            tasks.addTask { .failure(unreachable(target, await untilSilent(target, loop))) }
            let first = await tasks.next()
            tasks.cancelAll()
            return first ?? .failure(unreachable(target, "nobody asked it"))
        }
    }

    /// Returns when the target does not answer, with what was seen.
    private func untilSilent(_ target: Node, _ loop: EventLoop) async -> String {
        while true {
            let seconds = config.values.seconds("timeout.max_keepalive")
            guard await loop.sleep(nanoseconds: UInt64(seconds * 1e9)) else { return "cancelled" }
            do {
                let response = try await client.send(
                    .get, target.endpoint, "/v1/health",
                    timeouts: Client.Timeouts(connectSeconds: seconds, responseSeconds: seconds))
                _ = try await response.collect(upTo: Limits.nodeDocumentBytes)
            } catch {
                return "it gives no sign of life: \(error)"
            }
        }
    }

    private func fetch(
        _ target: Node, _ path: String, _ message: [UInt8]
    ) async -> Result<ListPage, Failure> {
        do {
            let response = try await client.send(
                .post, target.endpoint, path, headers: [(HeaderName.callerID, id.text)],
                body: message,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: config.values.seconds("client.list_timeout")))
            let body = try await response.collect(upTo: API.Limits.listReplyBytesMax)
            guard response.status == .ok else {
                return .failure(
                    Failure(decoding: body)
                        ?? unreachable(target, "it answered \(response.status.rawValue)"))
            }
            return .success(try ListPage(decoding: body))
        } catch {
            return .failure(unreachable(target, "\(error)"))
        }
    }

    private func unreachable(_ target: Node, _ cause: String) -> Failure {
        Failure(
            .targetUnreachable,
            "target \(target.id) at \(target.address.url) did not list its objects, so the listing "
                + "would have gaps",
            cause: cause, next: "start the target again")
    }
}
