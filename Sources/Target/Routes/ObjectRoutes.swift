import API
import Base
import Cluster
import HTTP
import Statistics
import Synchronization

/// `/v1/objects/BUCKET/OBJECT`.
struct ObjectRoutes {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond(_ bucket: String, _ name: String) async throws {
        switch exchange.request.method {
        case .get: try await get(bucket, name)
        case .head: try await head(bucket, name)
        case .put:
            try await ObjectUpload(target: target, exchange: exchange, query: query)
                .respond(bucket, name)
        case .delete: try await delete(bucket, name)
        case .post: try await act()
        case .patch, .options, .other:
            try Route.checkObject(exchange.request.method, query)
        }
    }

    private var admission: Admission {
        Admission(target: target, exchange: exchange, query: query)
    }

    // MARK: GET

    private func get(_ bucket: String, _ name: String) async throws {
        let published = try await admission.state("GET of an object")
        let (bucket, properties) = try admission.bucket(bucket, in: published, .get, "GET")
        let key = try admission.object(bucket, name, in: published)
        let object = try await open(key, properties, "read")
        if properties.checksum.validateWarmGet { try await verify(object) }
        if properties.checksum.enableReadRange, exchange.request.headers.contains("range") {
            throw Failure(
                .notImplemented, "checksums of ranges are not supported by this build",
                next: "set checksum.enable_read_range to false")
        }
        if try !isSettled(object) {
            ObjectReply(object: object, exchange: exchange, target: target).respond()
        }
        // From here on ``WarmGet`` may answer, until another state is published.
        if !properties.checksum.validateWarmGet, !properties.checksum.enableReadRange {
            object.permittedBy.store(published.serial, ordering: .releasing)
        }
    }

    /// Answers a request whose conditions leave nothing to be sent.
    ///
    /// - Throws: that the object is another one than the request means.
    /// - Returns: whether it was answered.
    private func isSettled(_ object: OpenObject) throws(Failure) -> Bool {
        guard let conditions = try ReadConditions(exchange.request.headers) else { return false }
        let tag = object.attributes.entityTag
        switch conditions.verdict(tag) {
        case .holds: return false
        case .notModified:
            exchange.respond(.notModified) { writer in
                if let tag { writer.add(named: HeaderName.entityTag, tag) }
            }
            return true
        case .failed:
            throw Failure(
                .preconditionFailed,
                "object \(object.key.bucket)/\(object.key.name) has "
                    + (tag.map { "the ETag \($0)" } ?? "no ETag")
                    + ", which is none of those that If-Match names",
                next: "read it anew")
        }
    }

    private func open(
        _ key: ObjectKey, _ properties: BucketProperties, _ attempt: String
    ) async throws -> OpenObject {
        let incarnation = Incarnation(properties)
        if let object = target.store.cached(key.digest), object.incarnation == incarnation,
            object.key.bucket == key.bucket, object.keyBytes.elementsEqual(key.text.utf8)
        {
            return object
        }
        guard !target.quickPool.isSaturated else { throw Failure.overloaded("file operations") }
        let store = target.store
        do throws(StoreError) {
            return try await target.quickPool.run { () throws(StoreError) in
                try store.open(key, of: incarnation)
            }
        } catch {
            throw failure(error, attempt, key)
        }
    }

    /// An object that is not here may lie on a target that takes no part now: then it is unavailable, not absent.
    private func failure(_ error: StoreError, _ attempt: String, _ key: ObjectKey) -> Failure {
        target.suspect(error)
        guard case .objectNotFound = error,
            let absent = target.publisher.current.state.map.absentTarget(owning: key.digest)
        else { return Failure(error, attempt, key) }
        return .inMaintenance(key, absent)
    }

    /// Compares the bytes with their checksum, where the bucket asks for it at every GET.
    private func verify(_ object: OpenObject) async throws {
        guard object.attributes.checksumType == ChecksumType.xxhash.rawValue,
            object.attributes.hasChecksum
        else { return }
        guard !target.pool.isSaturated else { throw Failure.overloaded("file operations") }
        let computed: String
        do throws(FileError) {
            computed = try await target.pool.run { () throws(FileError) in try object.checksum() }
        } catch {
            throw Failure(error, "read \(object.key.bucket)/\(object.key.name)")
        }
        guard computed != object.attributes.checksumValue else { return }
        // The only copy there is: it stays, because what is read wrongly once may be read well again, or be saved by people.
        target.log.error(
            "\(object.key.bucket)/\(object.key.name) does not match its checksum, and was not sent")
        var failure = Failure(
            .checksumMismatch,
            "BAD DATA CHECKSUM of \(object.key.bucket)/\(object.key.name): stored"
                + " xxhash[\(object.attributes.checksumValue)], computed \(computed)")
        failure.bytesMismatched = UInt64(object.size)
        throw failure
    }

    // MARK: HEAD

    private func head(_ bucket: String, _ name: String) async throws {
        let published = try await admission.state("HEAD of an object")
        let (bucket, properties) = try admission.bucket(bucket, in: published, .headObject, "HEAD")
        let key = try admission.object(bucket, name, in: published)
        let object = try await open(key, properties, "read")
        if try isSettled(object) { return }
        let presence = try query.presence()
        if try presence?.wantsProperties == false || query.flag(QueryName.checkCached) {
            return exchange.respond(.ok)
        }
        exchange.respond(
            .ok, file: object.file.number, offset: 0, count: object.size, owner: nil
        ) { writer in
            writer.add(rendered: object.renderedHeaders)
            ObjectHeaders.add(accessTime: object.lastAccess, to: &writer)
            ObjectHeaders.add(place: key, copies: 1 + object.attributes.copies.count, to: &writer)
        }
    }

    // MARK: DELETE

    private func delete(_ bucket: String, _ name: String) async throws {
        let published = try await admission.state("DELETE of an object")
        let (bucket, properties) = try admission.bucket(
            bucket, in: published, .deleteObject, "DELETE")
        let key = try admission.object(bucket, name, in: published)
        let body = try await exchange.collect(upTo: Limits.actionBytesMax)
        if !body.isEmpty {
            let message = try ActionMessage(decoding: body)
            if !message.action.isEmpty {
                _ = try message.decoded(allowed: [.evictObjects])
                throw Failure(
                    .badRequest,
                    "object \(bucket)/\(name) is not evicted: its bucket has no backend, this is"
                        + " the only copy", next: "delete it with DELETE and no body")
            }
        }
        let store = target.store
        let incarnation = Incarnation(properties)
        let isDurable = properties.writePolicy == .durable
        let pool = isDurable ? target.pool : target.quickPool
        guard !pool.isSaturated else { throw Failure.overloaded("file operations") }
        do throws(StoreError) {
            try await pool.run { () throws(StoreError) in
                try store.remove(key, of: incarnation, durable: isDurable)
            }
        } catch {
            throw failure(error, "delete", key)
        }
        exchange.respond(.ok)
    }

    // MARK: POST

    private func act() async throws {
        let message = try ActionMessage(
            decoding: try await exchange.collect(upTo: Limits.actionBytesMax))
        let action = try message.decoded(allowed: [.renameObject, .promote])
        if action == .renameObject { exchange.operation = .rename }
        throw Failure(
            .notImplemented, "action '\(action.rawValue)' of objects is not supported by this build"
        )
    }
}
