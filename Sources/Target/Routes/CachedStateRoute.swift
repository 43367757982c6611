import API
import Base
import Cluster
import HTTP

/// What this target has cached of the committed state: told, and given as it is.
struct CachedStateRoute {
    let target: TargetContext
    let exchange: Exchange

    /// `what=cached_state`: brings the state back, so that what is told is what can be had of it.
    func describe() async throws {
        let (cache, applied) = (target.cache, target.publisher.current.state.position)
        let following = target.status.proxy.map { "\($0)" } ?? ""
        let (node, record) = (target.node.id, target.record.value)
        let document = try await read { () throws(FileError) in
            let facts = cache.facts
            var document = CachedStateDocument()
            document.node = node.text
            document.cluster = record.clusterID
            document.followed = record.position
            document.problem = facts.problem
            document.applied = applied
            document.following = following
            guard let bytes = try cache.read() else { return document }
            document.bytes = facts.bytes
            document.flushed = facts.flushed
            document.snapshotAgeSeconds = facts.written.secondsAgo
            do throws(DecodingFailure) {
                document.describe(try CachedState(decoding: bytes))
            } catch {
                document.problem = "what is cached is not to be believed: \(error.description)"
            }
            return document
        }
        exchange.respond(document: document.encoded)
    }

    /// `what=cached_state_file`: the file.
    func file() async throws {
        let cache = target.cache
        let bytes = try await read { () throws(FileError) in try cache.read() }
        guard let bytes else {
            throw Failure(
                .starting, "this target has cached no state",
                next: "GET /v1/daemon?what=cached_state says why")
        }
        exchange.respond(.ok, type: "application/octet-stream", body: bytes)
    }

    private func read<Value: Sendable>(
        _ work: @escaping @Sendable () throws(FileError) -> Value
    ) async throws -> Value {
        guard !target.scanPool.isSaturated, target.cacheReaders.take() else {
            throw Failure.overloaded("scans")
        }
        defer { target.cacheReaders.giveBack() }
        return try await target.scanPool.run(work)
    }
}

extension Timestamp {
    /// By the wall clock; not below zero.
    fileprivate var secondsAgo: Int {
        let now = Timestamp.now().nanoseconds
        return Int((now - min(nanoseconds, now)) / 1_000_000_000)
    }
}
