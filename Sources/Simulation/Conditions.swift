import Consensus

/// What a run is made of apart from single events: the group, its clients, the network, the bounds.
///
/// All values are integers with a name, so that a plan can be written down and read again.
package struct Conditions: Hashable, Sendable {
    package var voters = 3
    /// Blank members that the operator may add.
    package var spares = 0
    package var clients = 2
    /// How long a client thinks between requests, in milliseconds, at most.
    package var think = 30
    /// How long a client waits for an answer before it asks somebody else, in milliseconds.
    package var patience = 12_000
    /// Of a hundred requests: reads, and writes to names that all clients share.
    package var reads = 25
    package var shared = 20
    /// Whether clients have sessions (1), and how long these may be idle, in milliseconds.
    package var sessions = 0
    package var lifetime = 60_000
    /// Of a hundred writes to names of one client: those that are long under way. Where there are some, all are bound to the
    /// term they were sent in.
    package var stragglers = 0
    /// Of ten thousand messages (NW-01).
    package var loss = 0
    package var duplication = 0
    package var slow = 0
    /// Delay of a message and of a flush, in microseconds: least, and spread above it.
    package var delay = 200
    package var delaySpread = 800
    package var flush = 300
    package var flushSpread = 1_000
    /// Ticks.
    package var electionMin = 10
    package var electionMax = 20
    package var heartbeat = 2
    /// How far a member's ticks may be too long or too short, in percent; each has its own rate (TM-03).
    package var drift = 0
    /// Bounds of messages, windows and logs; zero: as in production.
    package var appendEntries = 0
    package var inFlight = 0
    package var chunkBytes = 0
    package var cacheBytes = 0
    package var uncommitted = 0
    package var promotionLag = 0
    package var retained = 0
    package var stride = 0
    /// Whether commits are announced with the next message only (1), or at once (0).
    package var deferring = 0
    /// Milliseconds between two comparisons of states; zero: none (ST-13).
    package var comparing = 0
    /// Members that stay down when everything else heals.
    package var staysDown = 0

    package init() {}

    static var knobs: [(name: String, path: WritableKeyPath<Conditions, Int>)] {
        [
            ("voters", \.voters), ("spares", \.spares), ("clients", \.clients), ("think", \.think),
            ("patience", \.patience),
            ("reads", \.reads), ("shared", \.shared),
            ("sessions", \.sessions), ("lifetime", \.lifetime), ("stragglers", \.stragglers),
            ("loss", \.loss), ("duplication", \.duplication), ("slow", \.slow), ("delay", \.delay),
            ("delaySpread", \.delaySpread), ("flush", \.flush), ("flushSpread", \.flushSpread),
            ("electionMin", \.electionMin), ("electionMax", \.electionMax),
            ("heartbeat", \.heartbeat), ("drift", \.drift), ("appendEntries", \.appendEntries),
            ("inFlight", \.inFlight), ("chunkBytes", \.chunkBytes), ("cacheBytes", \.cacheBytes),
            ("uncommitted", \.uncommitted), ("promotionLag", \.promotionLag),
            ("retained", \.retained), ("stride", \.stride), ("deferring", \.deferring),
            ("staysDown", \.staysDown), ("comparing", \.comparing),
        ]
    }

    /// Draws a mix. Every class is on in some runs and off in others: a mix that always has everything
    /// finds less, because one fault hides another.
    init(drawing random: inout Random) {
        func often() -> Bool { random.next(in: 0...1) == 0 }
        voters = [1, 2, 3, 3, 3, 4, 5, 5, 7][random.next(in: 0...8)]
        if often() { spares = random.next(in: 1...2) }
        clients = random.next(in: 1...6)
        think = [10, 100, 500, 2_000][random.next(in: 0...3)]
        patience = [200, 1_000, 12_000][random.next(in: 0...2)]
        reads = [0, 25, 60][random.next(in: 0...2)]
        shared = [0, 20, 80][random.next(in: 0...2)]
        if often() { loss = random.next(in: 1...3_000) }
        if often() { duplication = random.next(in: 1...5_000) }
        if often() { slow = random.next(in: 1...500) }
        if often() { drift = random.next(in: 1...50) }
        if often() { delaySpread = 1_000 * random.next(in: 1...200) }
        if often() { flushSpread = 1_000 * random.next(in: 1...100) }
        (electionMin, electionMax) =
            [(10, 20), (10, 20), (6, 12), (20, 30)][random.next(in: 0...3)]
        if often() {
            appendEntries = random.next(in: 1...8)
            inFlight = random.next(in: 1...6)
            chunkBytes = random.next(in: 16...256)
            cacheBytes = random.next(in: 200...2_000)
            uncommitted = random.next(in: 4...64)
            promotionLag = random.next(in: 1...64)
        }
        if often() {
            // Often so few that whoever was away for a moment needs a snapshot.
            retained = random.next(in: 1...[2, 8, 64][random.next(in: 0...2)])
            stride = random.next(in: 1...16)
        }
        if random.next(in: 0...2) == 0 { staysDown = random.next(in: 1...2) }
        deferring = random.next(in: 0...2) == 0 ? 0 : 1
        comparing = [0, 200, 1_000][random.next(in: 0...2)]
    }

    mutating func makeStormy(_ random: inout Random) {
        voters = [3, 5][random.next(in: 0...1)]
        spares = 0
        think = 100
        (electionMin, electionMax) = (6, 12)
        slow = random.next(in: 200...2_000)
        loss = min(loss, 500)
    }

    var limits: Limits {
        var limits = Limits()
        limits.electionTicksMin = electionMin
        limits.electionTicksMax = electionMax
        limits.heartbeatTicks = heartbeat
        // Most runs are as production is; the others keep what the two shorten.
        limits.defersCommit = deferring > 0
        limits.startTicksMin = deferring > 0 ? min(2, electionMin) : electionMin
        limits.startTicksMax = deferring > 0 ? electionMin : electionMax
        if appendEntries > 0 { limits.appendEntriesMax = appendEntries }
        if inFlight > 0 { limits.inFlightMessagesMax = inFlight }
        if chunkBytes > 0 { limits.snapshotChunkBytes = chunkBytes }
        if cacheBytes > 0 { limits.cacheBytesMax = cacheBytes }
        if uncommitted > 0 { limits.uncommittedEntriesMax = uncommitted }
        if promotionLag > 0 { limits.promotionLagMax = promotionLag }
        return limits
    }

    var driverLimits: DriverLimits {
        var limits = DriverLimits()
        if retained > 0 { limits.retainedEntries = retained }
        if stride > 0 { limits.compactionStride = UInt64(stride) }
        limits.compareTicks = comparing > 0 ? UInt64(comparing) / 25 : .max / 2
        limits.compareIdleTicks = limits.compareTicks
        return limits
    }
}
