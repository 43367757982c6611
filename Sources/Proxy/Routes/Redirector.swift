import API
import Base
import Cluster
import HTTP

/// Sends object requests to the target that has the object (contract §2.6), without reading their bodies.
struct Redirector: Sendable {
    let id: NodeID
    let published: PublishedState
    let metadata: MetadataService

    /// Answers from the state at hand.
    ///
    /// - Returns: `false` when the bucket is not in it: then the majority has to be asked.
    func redirect(
        _ exchange: Exchange, bucket name: String, object: String, _ target: RequestTarget
    ) throws(Failure) -> Bool {
        let bucket = try check(exchange, name, object, target)
        try metadata.fence.check()
        // What the client has seen may have to be waited for.
        guard !exchange.request.headers.contains("martlet-position") else { return false }
        let now = published.now
        guard let properties = now.state.buckets[bucket] else { return false }
        try answer(exchange, bucket, properties, object, target, now)
        return true
    }

    /// The same after asking the majority for the bucket.
    func resolve(
        _ exchange: Exchange, bucket name: String, object: String, _ target: RequestTarget
    ) async throws(Failure) {
        let bucket = try check(exchange, name, object, target)
        try metadata.fence.check()
        let (state, properties) = try await metadata.bucket(bucket)
        try answer(exchange, bucket, properties, object, target, state)
    }

    private func check(
        _ exchange: Exchange, _ name: String, _ object: String, _ target: RequestTarget
    ) throws(Failure) -> Bucket {
        try Route.checkObject(exchange.request.method, target.query)
        let bucket = try Bucket(name: name, query: target.query)
        if let problem = ObjectName.problem(object) {
            throw Failure(.badObjectName, problem)
        }
        return bucket
    }

    private func answer(
        _ exchange: Exchange, _ bucket: Bucket, _ properties: BucketProperties, _ object: String,
        _ target: RequestTarget, _ now: PublishedState.Snapshot
    ) throws(Failure) {
        let method = exchange.request.method
        if let (right, verb) = Self.right(of: method), !properties.access.contains(right) {
            throw .denied(verb, bucket)
        }
        guard let node = now.state.map.target(owning: bucket.digest(object: object)) else {
            throw Failure(
                .noTargets, "no available targets: the cluster map has none that is active",
                next: "GET /v1/daemon?what=smap shows the map")
        }
        var suffix = ""
        if method == .head, try target.query.flag(QueryName.checkCached) {
            suffix = "&check_cached=true"
        }
        let location = Redirect.location(
            to: node, target, proxy: id, time: .now(), position: now.position, suffix: suffix)
        switch method {
        case .get:
            exchange.respond(
                .movedPermanently, type: "text/html; charset=utf-8", body: Self.anchor(location)
            ) { $0.add("Location", location) }
        case .head:
            exchange.respond(.temporaryRedirect, type: "text/html; charset=utf-8") {
                $0.add("Location", location)
            }
        default:
            exchange.respond(.temporaryRedirect) { $0.add("Location", location) }
        }
    }

    private static func right(of method: Method) -> (AccessMask, String)? {
        switch method {
        case .get: (.get, "reading objects")
        case .head: (.headObject, "reading properties of objects")
        case .put: (.put, "writing objects")
        case .delete: (.deleteObject, "deleting objects")
        default: nil
        }
    }

    /// For people whose client does not follow redirects.
    private static func anchor(_ location: String) -> [UInt8] {
        var html: [UInt8] = Array("<a href=\"".utf8)
        for byte in location.utf8 {
            switch byte {
            case UInt8(ascii: "&"): html += Array("&amp;".utf8)
            case UInt8(ascii: "\""): html += Array("&#34;".utf8)
            case UInt8(ascii: "'"): html += Array("&#39;".utf8)
            case UInt8(ascii: "<"): html += Array("&lt;".utf8)
            case UInt8(ascii: ">"): html += Array("&gt;".utf8)
            default: html.append(byte)
            }
        }
        return html + Array("\">Moved Permanently</a>.\n\n".utf8)
    }
}
