import API
import Base
import Cluster
import HTTP
import Statistics

/// `/v1/buckets`: the names, one bucket's properties, and this target's part of a listing.
struct BucketRoutes {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond(_ match: Route.Match) async throws {
        switch match.name {
        case .buckets: try await names()
        case .bucketProperties: try head(match.values[0])
        case .bucketAction: try await list(match.values[0])
        default:
            throw Failure(
                .badPath, "the names of all buckets are at /v1/buckets",
                next: "HEAD /v1/buckets/\(match.values[0]) gives a bucket's properties")
        }
    }

    private func names() async throws {
        try target.checkConsistency(query)
        // All that there is, is present.
        _ = try query.presence()
        let published = target.publisher.current
        guard published.isKnown else { throw Failure.starting }
        exchange.respond(
            document: await target.documents.names(
                of: published.state, try query.provider(), try query.namespace()))
    }

    private func head(_ name: String) throws {
        try target.checkConsistency(query)
        let presence = try query.presence()
        let published = target.publisher.current
        guard published.isKnown else { throw Failure.starting }
        let (bucket, properties) = try Admission(target: target, exchange: exchange, query: query)
            .bucket(name, in: published, .headBucket, "HEAD")
        exchange.respond(.ok) { writer in
            guard presence?.wantsProperties != false else { return }
            properties.eachHeader(of: bucket) { writer.add($0, $1) }
        }
    }

    private func list(_ name: String) async throws {
        let admission = Admission(target: target, exchange: exchange, query: query)
        let published = try await admission.state("POST to a bucket")
        let message = try ActionMessage(
            decoding: try await exchange.collect(upTo: Limits.actionBytesMax))
        let action = try message.decoded(allowed: [.listObjects, .forgetListing])
        let (bucket, properties) = try admission.bucket(name, in: published, .listObjects, "LIST")
        exchange.operation = .list
        // Listings are not cached here: there is nothing to forget.
        if action == .forgetListing { return exchange.respond(.ok) }
        let request = try ListRequest(value: message.value)
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("listings") }
        let isLive: Void? = target.store.directories.enter(bucket, Incarnation(properties)) {}
        guard isLive != nil else {
            let key = ObjectKey(bucket, "")
            throw Failure(
                target.store.directories.refusal(of: bucket, Incarnation(properties)), "list", key)
        }
        let listing = ObjectListing(
            bucket: bucket, request: request, state: published.state, node: target.node,
            mountpaths: target.store.mountpaths)
        do throws(FileError) {
            exchange.respond(
                document: try await target.scanPool.run { () throws(FileError) in
                    try listing.page()
                })
        } catch {
            target.watch.suspect(error)
            throw Failure(error, "list bucket \(bucket)")
        }
    }
}
