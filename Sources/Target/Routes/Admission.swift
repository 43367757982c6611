import API
import Base
import Cluster
import HTTP
import Statistics

/// What every request about a bucket or an object passes: that it came through a proxy, and a state that is not older
/// than the one the proxy had.
struct Admission {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    /// The state to decide by: not older than the one the redirect was computed from. `what` is for the message when the
    /// request did not come through a proxy.
    func state(_ what: String) async throws -> PublishedState {
        let redirect = try Redirect(query)
        let isInternal = exchange.request.headers.contains("caller.id")
        guard redirect != nil || isInternal || isDirectRead else {
            throw Failure.notRedirected(what)
        }
        if let redirect { target.statistics.redirected(exchange, at: redirect.time) }
        var published = target.publisher.current
        if let wanted = redirect?.position,
            wanted.isOfGeneration(before: published.state.position)
        {
            // Whatever that proxy knew may have been given up since.
            throw Failure.olderGeneration(wanted, published.state)
        }
        if let wanted = redirect?.position, wanted > published.state.position {
            switch await target.publisher.state(
                notBefore: wanted,
                within: target.config.values.seconds("timeout.cplane_operation"),
                on: exchange.loop)
            {
            case .reached(let awaited): published = awaited
            case .late:
                throw Failure.targetBehind(wanted, target.publisher.current.state.position)
            case .unknown(let newest): throw Failure.positionUnknown(wanted, newest)
            }
        }
        guard published.isKnown else { throw Failure.starting }
        return published
    }

    /// Whether the cluster lets clients read here without a redirect (contract §2.6: the feature DirectAccess).
    private var isDirectRead: Bool {
        let method = exchange.request.method
        return (method == .get || method == .head)
            && target.config.values.number("client.features") & 1 == 1
    }

    /// A bucket of the state, which must permit the operation.
    func bucket(
        _ name: String, in published: PublishedState, _ access: AccessMask, _ what: String
    ) throws -> (Bucket, BucketProperties) {
        let bucket = try Bucket(name: name, query: query)
        guard let properties = published.state.buckets[bucket] else {
            throw Failure.bucketNotFound(bucket)
        }
        guard properties.access.contains(access) else { throw Failure.accessDenied(bucket, what) }
        return (bucket, properties)
    }

    /// An object that belongs on this target.
    func object(_ bucket: Bucket, _ name: String, in published: PublishedState) throws -> ObjectKey
    {
        if let problem = ObjectName.problem(name) {
            throw Failure(.badObjectName, "\(problem): '\(name.excerpt)'")
        }
        let key = ObjectKey(bucket, name)
        guard let owner = published.state.map.target(owning: key.digest) else {
            throw Failure.noTargets()
        }
        guard owner.id == target.node.id else { throw Failure.elsewhere(key, owner) }
        return key
    }
}
