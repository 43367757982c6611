import API
import Base
import Cluster
import HTTP
import Statistics

/// `/v1/buckets`: names, creation, destruction, properties, listings (contract §5). A class, because the closures of every
/// request hold it.
final class BucketRoutes: Sendable {
    let metadata: MetadataService
    let forwarder: Forwarder
    let departure: Departure
    let lister: ObjectLister
    let documents: BucketDocuments

    init(
        metadata: MetadataService, forwarder: Forwarder, departure: Departure,
        lister: ObjectLister, documents: BucketDocuments
    ) {
        (self.metadata, self.forwarder, self.departure) = (metadata, forwarder, departure)
        (self.lister, self.documents) = (lister, documents)
    }

    // MARK: Reading

    func names(_ exchange: Exchange, _ query: Query) async throws {
        let provider = try query.provider()
        let namespace = try query.namespace()
        // All that there is, is present.
        _ = try query.presence()
        let now = try await metadata.state(for: query)
        let names = await documents.names(of: now.state, provider, namespace)
        exchange.respond(json: names, of: now, version: .buckets)
    }

    /// AIStore's later clients list objects by GET with a message.
    func get(_ exchange: Exchange, _ name: String, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        guard !body.isEmpty else {
            throw Failure(
                .badPath, "a bucket's name stands where '*' is expected: '\(name.excerpt)'",
                next: "GET /v1/buckets/* lists buckets, POST /v1/buckets/\(name) "
                    + #"{"action":"listobj"} its objects"#)
        }
        let message = try ActionMessage(decoding: body)
        _ = try Route.action(of: message, on: .bucketObjects, query)
        try await list(exchange, name, query, message)
    }

    func head(_ exchange: Exchange, _ name: String, _ query: Query) async throws {
        let bucket = try Bucket(name: name, query: query)
        let presence = try query.presence()
        let now = try await metadata.state(for: query)
        guard let properties = now.state.buckets[bucket] else { throw Failure.noSuchBucket(bucket) }
        guard properties.access.contains(.headBucket) else {
            throw Failure.denied("reading its properties", bucket)
        }
        exchange.respond(.ok) { writer in
            now.describe(&writer)
            guard presence?.wantsProperties != false else { return }
            properties.eachHeader(of: bucket) { writer.add($0, $1) }
        }
    }

    // MARK: POST

    func post(_ exchange: Exchange, _ name: String, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let message = try ActionMessage(decoding: body)
        switch try Route.action(of: message, on: .bucketAction, query) {
        case .createBucket: try await create(exchange, name, query, message, body)
        case .listObjects: try await list(exchange, name, query, message)
        // Listings keep nothing between two pages, so there is nothing to forget.
        case .forgetListing: exchange.respond(.ok)
        case let action: throw Failure.notImplemented("the action '\(action.rawValue)'")
        }
    }

    func patch(_ exchange: Exchange) async throws {
        let message = try ActionMessage(
            decoding: try await exchange.collect(upTo: API.Limits.actionBytesMax))
        let action = try Route.action(of: message, on: .bucketChange, .empty)
        throw Failure.notImplemented("the action '\(action.rawValue)'")
    }

    private func create(
        _ exchange: Exchange, _ name: String, _ query: Query, _ message: ActionMessage,
        _ body: [UInt8]
    ) async throws {
        let bucket = try Bucket(name: name, query: query)
        guard bucket.provider == .ais else {
            throw Failure(
                .badProvider, "only ais buckets are created, not \(bucket)",
                next: "leave out provider=\(bucket.provider.rawValue)")
        }
        guard bucket.namespace.uuid.isEmpty else {
            throw Failure.notImplemented("a bucket of another cluster (\(bucket.namespace.text))")
        }
        try Self.check(message.value, over: metadata.published.now.state.config)
        try await change(exchange, .createBucket, bucket, query, body) { now throws(Failure) in
            .createBucket(bucket, try Self.properties(message.value, from: now.state.config))
        }
    }

    /// Says what is wrong with the properties of a new bucket. What contradicts only one set of defaults is left to the primary,
    /// which knows the newest.
    static func check(_ value: JSONValue?, over config: ClusterConfig) throws(Failure) {
        do throws(Failure) {
            _ = try properties(value, from: config)
        } catch {
            _ = try properties(value, from: ClusterConfig())
        }
    }

    static func properties(
        _ value: JSONValue?, from config: ClusterConfig
    ) throws(Failure) -> BucketProperties {
        let defaults = config.bucketDefaults
        var properties = defaults
        try properties.update(from: value)
        try properties.requireServed(beyond: defaults)
        return properties
    }

    private func list(
        _ exchange: Exchange, _ name: String, _ query: Query, _ message: ActionMessage
    ) async throws {
        exchange.operation = .list
        let bucket = try Bucket(name: name, query: query)
        let (now, properties) = try await metadata.bucket(bucket)
        guard properties.access.contains(.listObjects) else {
            throw Failure.denied("listing", bucket)
        }
        let page = try await lister.page(
            of: bucket, try ListRequest(value: message.value), query, now, on: exchange.loop)
        exchange.respond(json: page, position: now.position)
    }

    // MARK: DELETE

    func delete(_ exchange: Exchange, _ name: String, _ query: Query) async throws {
        let body = try await exchange.collect(upTo: API.Limits.actionBytesMax)
        let message = try ActionMessage(decoding: body)
        let bucket = try Bucket(name: name, query: query)
        let actions = Route.named(.bucketRemoval).acts.map(\.action)
        switch try message.decoded(allowed: actions) {
        case .destroyBucket:
            _ = try Route.action(of: message, on: .bucketRemoval, query)
            try await change(exchange, .destroyBucket, bucket, query, body) { now throws(Failure) in
                try Self.checkDestruction(of: bucket, in: now.state)
                return .destroyBucket(bucket)
            }
        case .evictObjects, .evictBucket:
            throw Failure(.badRequest, "\(bucket) has no backend, so nothing can be evicted")
        case let action: throw Failure.notImplemented("the action '\(action.rawValue)'")
        }
    }

    static func checkDestruction(of bucket: Bucket, in state: ClusterState) throws(Failure) {
        guard let properties = state.buckets[bucket] else { throw Failure.noSuchBucket(bucket) }
        guard properties.access.contains(.destroyBucket) else {
            throw Failure.denied("being destroyed", bucket)
        }
    }

    /// What a change comes to where it is made.
    private enum Reply: Sendable {
        case done(position: String)
        case forecast([UInt8])
    }

    /// Makes a change on the primary, here or through it; or says what it would do.
    private func change(
        _ exchange: Exchange, _ action: Action, _ bucket: Bucket, _ query: Query,
        _ body: [UInt8],
        _ command: @Sendable (PublishedState.Snapshot) throws(Failure) -> Command
    ) async throws {
        var forwarded = try exchange.forwardable(body, heeding: .all)
        forwarded.recalled = { entry in
            entry.has(action, bucket) ? .made(at: entry.position) : nil
        }
        let request = forwarded
        let isDryRun = try query.flag(QueryName.dryRun)
        let reply = try await forwarder.onPrimary(request) { () -> Reply in
            if isDryRun {
                let now = try await metadata.linearizable()
                return .forecast(
                    try forecast(action, of: bucket, in: now, request.origin.terms, command)
                        .encoded)
            }
            let origin = request.origin
            let outcome = try await metadata.change(for: origin) { now throws(Failure) in
                try await metadata.judged(now, for: origin, command)
            }
            return .done(position: outcome.position.text)
        }
        switch reply {
        case .relayed(let answer): exchange.relay(answer)
        case .local(.done(let position)):
            exchange.respond(.ok) { $0.add(named: HeaderName.position, position) }
        case .local(.forecast(let document)):
            exchange.respond(.ok, type: "application/json", body: document)
        }
    }
}

extension HistoryEntry {
    /// Whether it has made or destroyed that bucket, as the action asks for.
    func has(_ action: Action, _ bucket: Bucket) -> Bool {
        (try? changes)?.contains { change in
            guard case .bucket(bucket, let before, let after) = change else { return false }
            return action == .createBucket
                ? before == nil && after != nil : before != nil && after == nil
        } == true
    }
}

extension BucketProperties {
    /// Refuses what this build would accept and not do.
    fileprivate func requireServed(beyond defaults: BucketProperties) throws(Failure) {
        if let (name, reason) = unserved {
            throw Failure(.notImplemented, "the bucket cannot have this \(name): \(reason)")
        }
        guard let (name, value, reason) = promise(beyond: defaults) else { return }
        throw Failure(
            .notImplemented, "the bucket cannot have \(name)=\(value): \(reason)",
            next: "leave it out")
    }
}
