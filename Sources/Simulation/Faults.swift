package import Consensus

/// What goes wrong in one run. Every class is on in some runs and off in others: a mix that always has
/// everything finds less, because one fault hides another.
package struct Faults: Hashable, Sendable {
    package static let millisecond: UInt64 = 1_000_000
    package static let second: UInt64 = 1_000_000_000

    package var voters = 3
    package var clients = 2
    /// How long a client thinks between requests, at most.
    package var think = 30 * millisecond
    /// In ten-thousandths.
    package var loss = 0
    package var duplication = 0
    /// Delay of a message, and of a flush, in nanoseconds: least and spread.
    package var delay = (least: UInt64(200_000), spread: UInt64(800_000))
    package var slowMessages = 0
    package var flush = (least: UInt64(300_000), spread: UInt64(1_000_000))
    /// Mean time between events of a class; zero: never.
    package var crashEvery: UInt64 = 0
    package var crashAllEvery: UInt64 = 0
    package var pauseEvery: UInt64 = 0
    package var partitionEvery: UInt64 = 0
    package var oneWayEvery: UInt64 = 0
    package var stallEvery: UInt64 = 0
    package var transferEvery: UInt64 = 0
    package var membershipEvery: UInt64 = 0
    package var replayEvery: UInt64 = 0
    package var downTime = 2 * second
    /// How many members may be down at once; fewer than a majority, or all of them.
    package var limits = Limits()
    package var driverLimits = DriverLimits()

    package static func == (left: Faults, right: Faults) -> Bool { left.text == right.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// A mix drawn from the seed.
    package init(seed: UInt64) {
        var random = Random(seed: seed ^ 0x5157_4152_4D00_0001)
        voters = [1, 2, 3, 3, 3, 5, 5, 7][random.next(in: 0...7)]
        clients = random.next(in: 1...6)
        think = [10, 100, 500][random.next(in: 0...2)] * Self.millisecond
        func often(_ random: inout Random) -> Bool { random.next(in: 0...1) == 0 }
        func period(_ random: inout Random, _ seconds: ClosedRange<Int>) -> UInt64 {
            UInt64(random.next(in: seconds)) * Self.second / 2
        }
        if often(&random) { loss = random.next(in: 1...3_000) }
        if often(&random) { duplication = random.next(in: 1...5_000) }
        if often(&random) { delay.spread = UInt64(random.next(in: 1...200)) * Self.millisecond }
        if often(&random) { slowMessages = random.next(in: 1...500) }
        if often(&random) { flush.spread = UInt64(random.next(in: 1...100)) * Self.millisecond }
        if often(&random) { crashEvery = period(&random, 1...20) }
        if random.next(in: 0...3) == 0 { crashAllEvery = period(&random, 10...30) }
        if often(&random) { pauseEvery = period(&random, 4...20) }
        if often(&random) { partitionEvery = period(&random, 4...20) }
        if often(&random) { oneWayEvery = period(&random, 4...20) }
        if random.next(in: 0...2) == 0 { stallEvery = period(&random, 8...30) }
        if often(&random) { transferEvery = period(&random, 2...10) }
        if often(&random) { membershipEvery = period(&random, 2...10) }
        if often(&random) { replayEvery = period(&random, 1...4) }
        downTime = UInt64(random.next(in: 1...60)) * Self.second / 10
        if often(&random) {
            limits.appendEntriesMax = random.next(in: 1...8)
            limits.inFlightMessagesMax = random.next(in: 1...6)
            limits.snapshotChunkBytes = random.next(in: 16...256)
            limits.cacheBytesMax = random.next(in: 200...2_000)
            limits.uncommittedEntriesMax = random.next(in: 4...64)
            limits.promotionLagMax = random.next(in: 0...64)
        }
        if often(&random) {
            driverLimits.retainedEntries = random.next(in: 0...64)
            driverLimits.compactionStride = UInt64(random.next(in: 1...16))
        }
    }

    /// Nothing goes wrong: for liveness without excuses, and for speed.
    package static var none: Faults { Faults() }

    private init() {}

    package var text: String {
        func every(_ name: String, _ period: UInt64) -> String {
            period == 0 ? "" : " \(name)/\(period / Self.millisecond)ms"
        }
        return
            "voters \(voters) clients \(clients)/\(think / Self.millisecond)ms loss \(loss) duplication \(duplication)"
            + " delay \(delay.least)+\(delay.spread) slow \(slowMessages)"
            + " flush \(flush.least)+\(flush.spread)"
            + every("crash", crashEvery) + every("crashall", crashAllEvery)
            + every("pause", pauseEvery) + every("partition", partitionEvery)
            + every("oneway", oneWayEvery) + every("stall", stallEvery)
            + every("transfer", transferEvery) + every("membership", membershipEvery)
            + every("replay", replayEvery)
            + " retain \(driverLimits.retainedEntries)/\(driverLimits.compactionStride)"
            + " append \(limits.appendEntriesMax) chunk \(limits.snapshotChunkBytes)"
    }
}
