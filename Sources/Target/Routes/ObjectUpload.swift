import API
import Base
import Cluster
import HTTP
import Statistics

/// PUT of an object (contract §4.6): from the socket to a work file, hashed on the way, which then gets the object's name.
///
/// What ends an upload, and what is left then:
///
/// | what happens | what the client sees | on disk |
/// |---|---|---|
/// | the client goes away | - | old object; work file removed |
/// | checksum differs | 500 `checksum_mismatch` | old object; work file removed |
/// | disk full | 507 `out_of_space` | old object; work file removed |
/// | I/O error before it has its name | 500 `io_error` | old object; work file removed |
/// | the last fsync fails | 500 `io_error` | new object, perhaps not for good; the client repeats |
/// | bucket destroyed meanwhile | 404 `bucket_not_found` | nothing in any later bucket of that name |
/// | mountpath taken out meanwhile | 503 `mountpath_unavailable` | old or new object, when the mountpath comes back |
/// | crash before it has its name | connection lost | old object; the next life removes the work file, if it is still there |
/// | crash behind that | connection lost | new object, whole |
struct ObjectUpload {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond(_ bucket: String, _ name: String) async throws {
        let admission = Admission(target: target, exchange: exchange, query: query)
        let published = try await admission.state("PUT of an object")
        let (bucket, properties) = try admission.bucket(bucket, in: published, .put, "PUT")
        let key = try admission.object(bucket, name, in: published)
        if let kind = try query.value(QueryName.appendType), !kind.isEmpty {
            exchange.operation = .append
            throw Failure(
                .notImplemented, "appending to objects is not supported by this build",
                next: "store the object whole")
        }
        let put = PutRequest(
            key, properties, claimed: try claimedChecksum(properties), custom: try customMetadata())
        guard !target.pool.isSaturated, !target.quickPool.isSaturated else {
            throw Failure.overloaded("uploads")
        }
        if try await isIdentical(put) {
            try await drain()
            return exchange.respond(.ok)
        }
        exchange.limitBody(TargetLimits.objectBytesMax)
        try await receive(put, published.state)
        exchange.respond(.ok)
    }

    // MARK: What the headers ask for

    private func header(_ name: HeaderName.Object) -> String? {
        let headers = exchange.request.headers
        return headers[named: name.dotted] ?? headers[named: name.dashed]
    }

    private func claimedChecksum(_ properties: BucketProperties) throws -> String? {
        let kept = properties.checksum.type
        guard kept == .none || kept == .xxhash else {
            throw Failure(
                .notImplemented,
                "checksums of type \(kept.rawValue) are not supported by this build",
                next: "set the bucket's checksum.type to xxhash or none")
        }
        guard let word = header(.checksumType), !word.isEmpty else { return nil }
        guard let type = ChecksumType(rawValue: word) else {
            throw Failure(
                .badHeader, "unknown checksum type '\(word.excerpt)'",
                next: "one of \(ChecksumType.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if type == .none { return nil }
        guard type == .xxhash else {
            throw Failure(
                .notImplemented, "checksums of type \(word) are not supported by this build",
                next: "send checksum.type xxhash, or none")
        }
        guard let value = header(.checksumValue)?.lowercased(), !value.isEmpty else {
            throw Failure(.badHeader, "checksum.type without checksum.value")
        }
        let isHex = value.utf8.count == 16 && UInt64(value, radix: 16) != nil
        guard isHex else {
            throw Failure(.badHeader, "checksum.value of type xxhash has 16 hexadecimal digits")
        }
        return value
    }

    private func customMetadata() throws -> [ObjectAttributes.Metadata] {
        let headers = exchange.request.headers
        var custom: [ObjectAttributes.Metadata] = []
        for text in headers.all("custom_md") + headers.all("ais-custom-md") {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw Failure(.badHeader, "custom_md '\(text.excerpt)' does not read key=value")
            }
            let key = String(text[..<equals])
            let value = String(text[text.index(after: equals)...])
            guard (key + value).utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw Failure(.badHeader, "custom_md holds control characters")
            }
            custom.append(ObjectAttributes.Metadata(key: key, value: value))
        }
        return custom
    }

    // MARK: The same bytes again

    /// Whether the object is there already with the checksum that the client gave.
    private func isIdentical(_ put: PutRequest) async throws -> Bool {
        guard let claimed = put.claimed, put.keepsChecksum else { return false }
        let store = target.store
        let present = await target.quickPool.run { () -> ObjectAttributes? in
            try? store.open(put.key, of: put.incarnation).attributes
        }
        guard let present else { return false }
        return present.checksumType == ChecksumType.xxhash.rawValue
            && present.checksumValue == claimed
    }

    /// A client that waits for `100 Continue` needs not send what is known already.
    private func drain() async throws {
        guard !exchange.request.expectsContinue else { return }
        exchange.limitBody(TargetLimits.objectBytesMax)
        guard let buffer = target.buffers.take(for: exchange.request.contentLength) else {
            throw Failure.overloaded("uploads")
        }
        defer { target.buffers.giveBack(buffer) }
        while try await exchange.read(into: buffer.bytes) > 0 {}
    }

    // MARK: The bytes

    private func receive(_ put: PutRequest, _ state: ClusterState) async throws {
        guard let buffer = target.buffers.take(for: exchange.request.contentLength) else {
            throw Failure.overloaded("uploads")
        }
        defer { target.buffers.giveBack(buffer) }
        var work: WorkFile?
        do {
            while true {
                let (count, isLast) = try await fill(buffer)
                let next = try await store(buffer, count, isLast: isLast, in: work, put, state)
                work = next
                if isLast { return }
            }
        } catch {
            if let work { target.quickPool.submit { work.discard() } }
            throw error
        }
    }

    /// Reads until the buffer is full or the body is over.
    private func fill(_ buffer: PieceBuffer) async throws -> (count: Int, isLast: Bool) {
        var count = 0
        while count < buffer.bytes.count {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[count...])
            let more = try await exchange.read(into: room)
            if more == 0 { return (count, true) }
            count += more
            if let length = exchange.request.contentLength, length == count { return (count, true) }
        }
        return (count, false)
    }

    /// One visit to the pool: the first opens the work file, the last makes it the object.
    private func store(
        _ buffer: PieceBuffer, _ count: Int, isLast: Bool, in work: WorkFile?, _ put: PutRequest,
        _ state: ClusterState
    ) async throws -> WorkFile {
        let store = target.store
        let pool = isLast && put.isDurable ? target.pool : target.quickPool
        do throws(StoreError) {
            return try await pool.run { () throws(StoreError) -> WorkFile in
                let file: WorkFile
                if let work {
                    file = work
                } else {
                    file = try store.begin(put, in: state)
                }
                do throws(StoreError) {
                    let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
                    do throws(FileError) { try file.append(bytes) } catch { throw .file(error) }
                    if isLast { try store.commit(file, put) }
                    return file
                } catch {
                    file.discard()
                    throw error
                }
            }
        } catch {
            target.suspect(error)
            throw Failure(error, "store", put.key)
        }
    }
}
