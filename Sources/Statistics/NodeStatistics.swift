package import API
package import Base
package import Cluster
package import HTTP
import Synchronization

/// What a node has counted since it was started, and how that was a little earlier, for what is said per second.
package final class NodeStatistics: Sendable {
    package let node: Node
    package let meter: RequestMeter
    package let started = Timestamp.now()
    private let begun = MonotonicTime.now()
    private let events = EventCounters()
    private let failures = FailureCounters()
    private let keepalive = Mutex(Keepalive())
    private let samples: Mutex<Samples>
    /// Reads `/proc`, which never hangs but may take a millisecond; apart from the daemon's own pools, because what is
    /// wrong with them is what people want to see here.
    private let pool = BlockingPool(name: "stats", threads: 1)
    private let capacities = CapacityReaders()

    /// The newest sample and the one before it.
    private struct Samples {
        var latest: Sample
        var previous: Sample?
        /// What had been counted when the counters were reset; it is taken off what they have.
        var floor = Floor()
    }

    private struct Floor {
        var totals = RequestTotals()
        var events = [UInt64](repeating: 0, count: Event.allCases.count)
        var failures = [UInt64](repeating: 0, count: FailureCode.allCases.count)
    }

    package init(_ node: Node, loops: Int) {
        self.node = node
        meter = RequestMeter(loops: loops)
        var first = Sample(at: begun)
        first.cpuNanoseconds = ProcessUsage.cpuNanoseconds
        let sample = first
        samples = Mutex(Samples(latest: sample))
    }

    package func count(_ event: Event) { events.add(1, to: event) }

    /// Counts a failure that this node answers with, by its code, and what lies beneath it where AIStore counts that apart.
    package func count(_ failure: Failure) {
        failures.add(failure.code)
        switch failure.code {
        case .inputOutput where failure.isOfMetadata: count(.metadataError)
        case .inputOutput, .mountpathUnavailable: count(.fileError)
        case .outOfSpace: count(.outOfSpace)
        case .checksumMismatch:
            count(.checksumError)
            events.add(failure.bytesMismatched, to: .checksumBytes)
        default: break
        }
    }

    /// Counts an exchange that is over; on its loop.
    package func concluded(_ exchange: Exchange, isWhole: Bool) {
        meter.record(exchange, isWhole: isWhole)
    }

    /// Notes when a proxy redirected the request, by the proxy's clock. On the loop that serves it.
    package func redirected(
        _ exchange: Exchange, at time: UInt64, now: UInt64 = Timestamp.now().nanoseconds
    ) {
        guard now > time, now - time < StatisticsLimits.redirectNanosecondsMax else { return }
        meter.redirected(exchange, nanoseconds: now - time)
    }

    /// Notes a round trip to the node by which this one learns of the cluster.
    package func keptAlive(nanoseconds: UInt64) {
        keepalive.withLock { $0.add(nanoseconds) }
    }

    /// What the process, the machine and the filesystems of these paths are like now. A filesystem that does not answer
    /// is left out.
    ///
    /// - Throws: `overloaded` when far too many ask at once.
    package func report(
        mountpaths: [String] = [], on loop: EventLoop
    ) async throws(Failure) -> SystemReport {
        guard !pool.isSaturated else {
            throw Failure(.overloaded, "too many ask for statistics", next: "ask a little later")
        }
        var report = await pool.run { SystemReport.read(disks: !mountpaths.isEmpty) }
        report.capacities = await capacities.read(mountpaths, on: loop)
        return report
    }

    /// Takes a sample. Called each `periodic.stats_time`; rates and averages are those since one of the
    /// last two.
    package func sample() async {
        var sample = Sample(at: .now())
        sample.keepalive = keepalive.withLock { $0 }
        sample.cpuNanoseconds = ProcessUsage.cpuNanoseconds
        sample.disks = await pool.run { DiskActivity.read() }
        let new = sample
        samples.withLock { samples in
            samples.previous = samples.latest
            samples.latest = new
            samples.latest.totals = meter.totals.since(samples.floor.totals)
        }
    }

    /// Counts from 0 again. Loops go on counting without a lock, so what they have is remembered and taken off. How long the
    /// node is up, and what others count, stays.
    ///
    /// - Parameter errorsOnly: whether what was done stays.
    package func reset(errorsOnly: Bool) {
        samples.withLock { samples in
            let totals = meter.totals
            for operation in Operation.allCases {
                let now = totals[operation]
                if errorsOnly {
                    samples.floor.totals[operation].failed = now.failed
                } else {
                    samples.floor.totals[operation] = now
                }
            }
            samples.floor.events = Event.allCases.map { events[$0] }
            samples.floor.failures = failures.counts.map(\.count)
            if !errorsOnly { keepalive.withLock { $0 = Keepalive() } }
            // Rates and means begin here as well: against what was counted before they would be nonsense.
            samples.latest.at = .now()
            samples.latest.totals = totals.since(samples.floor.totals)
            samples.latest.keepalive = keepalive.withLock { $0 }
            samples.latest.cpuNanoseconds = ProcessUsage.cpuNanoseconds
            samples.previous = nil
        }
    }

    /// Does something that may block, beside the event loops.
    func beside<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try await pool.run(work)
    }

    /// The counters now, and what they are compared with.
    package func snapshot() -> StatisticsSnapshot {
        let now = MonotonicTime.now()
        let (latest, previous, floor) = samples.withLock { ($0.latest, $0.previous, $0.floor) }
        // A rate over a few milliseconds would say nothing.
        let isFresh = now.since(latest.at) < StatisticsLimits.windowNanosecondsMin
        let base = isFresh ? previous ?? latest : latest
        return StatisticsSnapshot(
            role: node.role, upNanoseconds: now.since(begun),
            totals: meter.totals.since(floor.totals),
            events: zip(Event.allCases, floor.events).map { events[$0] &- $1 },
            failures: zip(failures.counts, floor.failures).map { ($0.code, $0.count &- $1) },
            keepalive: keepalive.withLock { $0 },
            base: base, windowNanoseconds: now.since(base.at))
    }
}

/// What rates and averages are measured from.
package struct Sample: Sendable {
    package var at: MonotonicTime
    package var totals = RequestTotals()
    package var keepalive = Keepalive()
    package var cpuNanoseconds: UInt64 = 0
    package var disks: [DiskActivity] = []

    package init(at: MonotonicTime) {
        self.at = at
    }
}

/// The bounds of statistics, each with its reason.
package enum StatisticsLimits {
    /// A redirect that is older was made up or kept for later, and would drown all others in the sum.
    package static let redirectNanosecondsMax: UInt64 = 60_000_000_000
    /// The shortest time a rate is measured over.
    package static let windowNanosecondsMin: UInt64 = 1_000_000_000
    /// A sign of life has no body; a failure has a short one.
    package static let keepaliveBytesMax = 64 << 10
    /// Answers that wait for a version; each is a connection and a task.
    package static let waitersMax = 1_024
    /// A document about more buckets is written beside the event loops.
    package static let bucketsInPlaceMax = 100
    /// How soon an answer that waits notices that its node is stopping.
    package static let waitSliceSeconds = 0.5
    /// A filesystem answers within microseconds, or its disk is in trouble.
    package static let capacitySeconds = 1.0
    /// Files of `/proc` that are read whole: `diskstats` has some 100 bytes for each disk and partition.
    package static let procFileBytesMax = 1 << 20
}
