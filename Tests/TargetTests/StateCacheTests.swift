import API
import Base
import Cluster
import Synchronization
import Testing

@testable import Target

/// The state on a target's disk: never behind what was acknowledged, whatever ends the process, and never in the way.
@Suite struct StateCacheTests {
    /// A log as a proxy would send it.
    final class Source: Sendable {
        private let log: Mutex<(state: ClusterState, entries: [StateCache.Entry])>

        init(cluster: String = "c", generation: UInt64 = 1) throws {
            let founder = Node(
                id: try #require(NodeID("p1")), role: .proxy,
                address: try #require(NodeAddress(host: "127.0.0.1", port: 8_080)), member: 9)
            log = Mutex((ClusterState(), []))
            next(
                .found(clusterID: cluster, founder: founder, generation: generation, nonce: 7),
                generation)
        }

        var state: ClusterState { log.withLock { $0.state } }

        @discardableResult
        func next(_ command: Command, _ generation: UInt64 = 1) -> StateCache.Entry {
            log.withLock { log in
                let record = LogRecord(
                    command, actor: "test", stateIndex: log.state.position.index,
                    stateHash: log.state.hash)
                let frame = FollowFrame.LogEntry(
                    position: LogPosition(
                        generation: generation, nonce: 7, term: 1,
                        index: log.state.position.index + 1),
                    time: Timestamp(nanoseconds: 1), kind: .command, payload: record.encoded)
                var changes: [StateRow.Change] = []
                _ = log.state.apply(
                    record, at: frame.position, time: frame.time, changes: &changes)
                let entry = StateCache.Entry(frame, hash: log.state.hash)
                log.entries.append(entry)
                return entry
            }
        }

        /// The next bucket, and the cache told of it.
        func bucket(_ number: Int, to cache: StateCache) {
            guard let bucket = Bucket(name: "b\(number)") else { return }
            let entry = next(.createBucket(bucket, BucketProperties()))
            cache.take([entry], state, mayBlock: false)
        }
    }

    private static let log = Logger(node: "t1", subject: "test", minimum: .error)

    private func cache(_ medium: CrashingCacheMedium, entriesBytesMin: Int = 1 << 20) throws
        -> StateCache
    {
        StateCache(
            try #require(NodeID("t1")), medium, entriesBytesMin: entriesBytesMin, log: Self.log)
    }

    private func position(_ bytes: [UInt8]?) throws -> LogPosition {
        guard let bytes else { return .zero }
        return try CachedState(decoding: bytes).state.position
    }

    private let later = MonotonicTime(
        nanoseconds: MonotonicTime.now().nanoseconds + 60_000_000_000)

    @Test func `an entry is in the file when it has been taken, and flushed a moment later`() throws
    {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let cache = try cache(medium)
        cache.take([], source.state, mayBlock: true)
        source.bucket(1, to: cache)
        #expect(try position(medium.content(afterPowerLoss: false)) == source.state.position)
        #expect(try position(medium.content(afterPowerLoss: true)).index == 1)
        #expect(cache.maintain(at: .now()) == false)
        #expect(try position(medium.content(afterPowerLoss: true)) == source.state.position)
        #expect(cache.facts.flushed == source.state.position && cache.facts.problem == nil)
    }

    @Test func `the file is replaced when its entries have outgrown it, and stays bounded`() throws
    {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let cache = try cache(medium, entriesBytesMin: 1)
        cache.take([], source.state, mayBlock: true)
        var largest = 0
        for number in 0..<400 {
            source.bucket(number, to: cache)
            if number.isMultiple(of: 3) { _ = cache.maintain(at: .now()) }
            largest = max(largest, cache.facts.bytes - 2 * cache.facts.snapshotBytes)
        }
        _ = cache.maintain(at: .now())
        #expect(cache.facts.base.index > 300)
        #expect(largest < 4_096, "\(largest)")
        #expect(
            try CachedState(decoding: try #require(try cache.read())).state == source.state)
    }

    /// Everything that a cache does with its files, with each of its calls as the last one.
    private func run(_ medium: CrashingCacheMedium, check: (StateCache, Source) throws -> Void)
        throws
    {
        let source = try Source()
        let cache = try cache(medium, entriesBytesMin: 1)
        cache.take([], source.state, mayBlock: true)
        try check(cache, source)
        for number in 0..<12 {
            source.bucket(number, to: cache)
            try check(cache, source)
            // What comes while a file is being replaced is in the one that takes its place.
            medium.drafted.withLock { drafted in
                drafted = { source.bucket(100 + number, to: cache) }
            }
            _ = cache.maintain(at: .now())
            medium.drafted.withLock { $0 = nil }
            try check(cache, source)
        }
        // A state as a whole, as after a long absence.
        for number in 200..<203 {
            source.next(.createBucket(try #require(Bucket(name: "b\(number)")), .init()))
        }
        cache.take([], source.state, mayBlock: true)
        try check(cache, source)
        source.bucket(300, to: cache)
        _ = cache.maintain(at: .now())
        try check(cache, source)
    }

    @Test func `whatever call is the last one, what was acknowledged is there`() throws {
        let whole = CrashingCacheMedium()
        try run(whole) { _, _ in }
        #expect(whole.calls > 30)
        for last in 1...whole.calls {
            let medium = CrashingCacheMedium(failing: last, isCrash: true)
            var acknowledged = LogPosition.zero
            var flushed = LogPosition.zero
            try run(medium) { cache, source in
                guard !medium.hasCrashed else { return }
                // Nothing is acknowledged that has failed to be written; here nothing has.
                acknowledged = source.state.position
                flushed = cache.facts.flushed
            }
            #expect(medium.hasCrashed)
            let process = try position(medium.content(afterPowerLoss: false))
            #expect(process >= acknowledged, "call \(last): \(process.text)")
            let power = try position(medium.content(afterPowerLoss: true))
            #expect(power >= flushed, "call \(last): \(power.text)")
        }
    }

    @Test func `a call that fails is made good, and said meanwhile`() throws {
        let whole = CrashingCacheMedium()
        try run(whole) { _, _ in }
        for failing in 1...whole.calls {
            let medium = CrashingCacheMedium(failing: failing)
            var kept: StateCache?
            var sources: [Source] = []
            try run(medium) { cache, source in
                kept = cache
                sources = [source]
            }
            let (cache, source) = (try #require(kept), try #require(sources.first))
            if try position(cache.read()) < source.state.position {
                #expect(cache.facts.problem != nil, "call \(failing)")
            }
            source.bucket(999, to: cache)
            #expect(cache.maintain(at: later) == false, "call \(failing)")
            #expect(try position(cache.read()) == source.state.position, "call \(failing)")
            #expect(cache.facts.problem == nil, "call \(failing)")
        }
    }

    @Test func `after a restart a file that ends with the same state is gone on with`() throws {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let first = try cache(medium)
        first.take([], source.state, mayBlock: true)
        source.bucket(1, to: first)
        let next = try cache(medium)
        next.open(of: "c")
        #expect(next.facts.position == source.state.position)
        let calls = medium.calls
        next.take([], source.state, mayBlock: true)
        #expect(medium.calls == calls)
        source.bucket(2, to: next)
        #expect(medium.calls == calls + 1)
        #expect(try position(next.read()) == source.state.position)
    }

    /// A proxy that lags must not cost the target what it has seen.
    @Test func `an older state does not take the place of a newer one`() throws {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let first = try cache(medium)
        let early = source.state
        first.take([], early, mayBlock: true)
        source.bucket(1, to: first)
        let next = try cache(medium)
        next.open(of: "c")
        next.take([], early, mayBlock: true)
        #expect(next.maintain(at: later) == false)
        #expect(try position(next.read()) == source.state.position)
        // It is gone on with when the proxy has caught up.
        next.take([], source.state, mayBlock: false)
        source.bucket(2, to: next)
        #expect(try position(next.read()) == source.state.position)
    }

    @Test func `a torn file is kept, and replaced by the first state that is newer`() throws {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let first = try cache(medium)
        first.take([], source.state, mayBlock: true)
        source.bucket(1, to: first)
        let torn = try #require(medium.content(afterPowerLoss: false)).dropLast(3)
        medium.leave(Array(torn))
        let next = try cache(medium)
        next.open(of: "c")
        #expect(next.facts.position.index == 1 && next.facts.problem != nil)
        #expect(try position(next.read()).index == 1)
        next.take([], source.state, mayBlock: true)
        #expect(next.facts.problem == nil)
        #expect(try position(next.read()) == source.state.position)
        #expect(medium.asideContent == Array(torn))
    }

    @Test(arguments: [true, false])
    func `a damaged file and one of another cluster are set aside, and the target goes on`(
        isForeign: Bool
    ) throws {
        let medium = CrashingCacheMedium()
        let source = try Source()
        let other = try cache(medium)
        other.take([], try Source(cluster: isForeign ? "d" : "c").state, mayBlock: true)
        var bytes = try #require(medium.content(afterPowerLoss: false))
        if !isForeign { bytes[40] ^= 4 }
        medium.leave(bytes)
        let next = try cache(medium)
        next.open(of: "c")
        #expect(!next.facts.exists)
        #expect(medium.asideContent == bytes && medium.content(afterPowerLoss: false) == nil)
        next.take([], source.state, mayBlock: true)
        #expect(try position(next.read()) == source.state.position)
    }

    @Test func `a state that differs at the same position is kept aside, and followed anew`() throws
    {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let wrong = try Source()
        let first = try cache(medium)
        first.take([], wrong.state, mayBlock: true)
        wrong.bucket(7, to: first)
        let bytes = try #require(medium.content(afterPowerLoss: false))
        source.next(.createBucket(try #require(Bucket(name: "other")), .init()))
        let next = try cache(medium)
        next.open(of: "c")
        next.take([], source.state, mayBlock: true)
        #expect(medium.asideContent == bytes)
        #expect(try CachedState(decoding: try #require(try next.read())).state == source.state)
    }

    @Test func `a later generation takes the place of whatever is there`() throws {
        let (medium, source) = (CrashingCacheMedium(), try Source())
        let cache = try cache(medium)
        cache.take([], source.state, mayBlock: true)
        for number in 0..<9 { source.bucket(number, to: cache) }
        let later = try Source(generation: 2)
        cache.take([], later.state, mayBlock: true)
        #expect(try position(cache.read()) == later.state.position)
    }
}
