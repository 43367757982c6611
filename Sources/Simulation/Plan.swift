import Consensus

/// Everything that decides a run. A seed draws one; a shrinker makes it smaller; a file keeps it.
package struct Plan: Hashable, Sendable {
    /// Decides what the plan leaves open: delays, losses, what clients do.
    package var seed: UInt64
    package var subject: SubjectName
    /// Virtual seconds of faults; healing comes after them.
    package var seconds: Int
    package var conditions = Conditions()
    /// In order of time.
    package var events: [FaultEvent] = []

    static let millisecond: UInt64 = 1_000_000
    static let second: UInt64 = 1_000_000_000

    /// No fault, three voters, two clients: for liveness without excuses, and for speed.
    package init(calm seed: UInt64, subject: SubjectName = .memory, seconds: Int) {
        (self.seed, self.subject, self.seconds) = (seed, subject, seconds)
    }

    /// The plan of a seed.
    package init(seed: UInt64, subject: SubjectName = .memory, seconds: Int) {
        self.init(calm: seed, subject: subject, seconds: seconds)
        var random = Random(seed: seed ^ 0x5157_4152_4D00_0001)
        conditions = Conditions(drawing: &random)
        let isCalm = random.next(in: 0...15) == 0
        if isCalm { return }
        // Storms: leaders change all the time, and what they left behind keeps arriving.
        let isStorm = random.next(in: 0...3) == 0
        if isStorm { conditions.makeStormy(&random) }
        let mostDown = UInt64(random.next(in: 1...(isStorm ? 10 : 60))) * Self.second / 10
        for kind in FaultEvent.Kind.allCases where !Self.isDrawnLater(kind) {
            let rarity = isStorm ? Self.rarityInStorm(of: kind) : Self.rarity(of: kind)
            guard random.next(in: 1...rarity.oneIn) == 1 else { continue }
            let period = UInt64(random.next(in: rarity.halfSeconds)) * Self.second / 2
            var time = period / 2 + random.next() % period
            while time < UInt64(seconds) * Self.second {
                events.append(
                    draw(kind, at: time, downFor: mostDown, &random))
                time += period / 2 + random.next() % period
            }
        }
        events.sort { ($0.time, $0.kind.rawValue) < ($1.time, $1.kind.rawValue) }
        if subject == .sessions || (subject == .disk && random.next(in: 0...1) == 0) {
            conditions.sessions = 1
            conditions.lifetime = [300, 3_000, 60_000][random.next(in: 0...2)]
        }
        fillDisks()
        sendStragglers()
        outvoteMembers()
        strandMembers()
    }

    private static func isDrawnLater(_ kind: FaultEvent.Kind) -> Bool {
        [.fill, .outvote, .strand].contains(kind)
    }

    // What came later is drawn by itself, from numbers of its own: a seed without it is the run that it was before, and so are
    // the seeds in docs/consensus/teeth.md, for which the constants were chosen.

    private mutating func sendStragglers() {
        var random = Random(seed: seed ^ 0x5354_5241_0000_016C)
        if random.next(in: 1...4) == 1 { conditions.stragglers = random.next(in: 1...60) }
    }

    private mutating func outvoteMembers() {
        var random = Random(seed: seed ^ 0x4F55_5456_0000_016E)
        spoil(.outvote, oneIn: 4, halfSeconds: 2...20, &random) { _ in 0 }
    }

    private mutating func strandMembers() {
        var random = Random(seed: seed ^ 0x5354_524E_0000_0233)
        spoil(.strand, oneIn: 4, halfSeconds: 10...60, &random) { $0.next(in: 0...3) }
        // A state is spoilt once in a run (`World.disturb`).
        guard events.contains(where: { $0.kind == .strand }) else { return }
        events.removeAll { $0.kind == .disturb || $0.kind == .outvote }
    }

    /// Faults that change a state, where it can be changed.
    private mutating func spoil(
        _ kind: FaultEvent.Kind, oneIn rarity: Int, halfSeconds: ClosedRange<Int>,
        _ random: inout Random, how: (inout Random) -> Int
    ) {
        // Two must be left who agree; the log must go back to its beginning (`World.disturb`).
        guard subject == .memory, conditions.voters >= 3, conditions.retained == 0,
            random.next(in: 1...rarity) == 1
        else { return }
        if conditions.comparing == 0 { conditions.comparing = 200 }
        // Where fewer voted once, no disk may be replaced (`World.canDoWithout`).
        events.removeAll { $0.kind == .remove || $0.kind == .demote }
        let period = UInt64(random.next(in: halfSeconds)) * Self.second / 2
        var time = random.next() % period
        while time < UInt64(seconds) * Self.second {
            let struck = random.next(in: 1...conditions.voters)
            events.append(
                FaultEvent(
                    kind: kind, time: time - time % 1_000, a: struck, b: how(&random),
                    duration: 0))
            time += period / 2 + random.next() % period
        }
        events.sort { ($0.time, $0.kind.rawValue) < ($1.time, $1.kind.rawValue) }
    }

    private mutating func fillDisks() {
        var random = Random(seed: seed ^ 0x4655_4C4C_0000_04AE)
        guard random.next(in: 1...4) == 1 else { return }
        let members = conditions.voters + conditions.spares
        let period = UInt64(random.next(in: 4...30)) * Self.second / 2
        // One after another, or all members at once now and then.
        let atOnce = random.next(in: 0...2) == 0
        var time = period / 2 + random.next() % period
        while time < UInt64(seconds) * Self.second {
            let isAll = atOnce && random.next(in: 0...2) == 0
            var event = FaultEvent(
                kind: .fill, time: time, a: isAll ? 0 : random.next(in: 1...members),
                b: random.next(in: 0...3), duration: random.next() % (6 * Self.second))
            event.time -= event.time % 1_000
            event.duration -= event.duration % 1_000
            events.append(event)
            time += period / 2 + random.next() % period
        }
        events.sort { ($0.time, $0.kind.rawValue) < ($1.time, $1.kind.rawValue) }
    }

    /// How many seeds have the class, and the mean time between its events.
    private static func rarity(
        of kind: FaultEvent.Kind
    ) -> (oneIn: Int, halfSeconds: ClosedRange<Int>) {
        switch kind {
        case .crash: (2, 1...20)
        case .crashAll: (4, 10...30)
        case .pause, .partition, .cut, .isolateLeader: (2, 4...20)
        case .hold: (3, 4...20)
        case .stall: (3, 8...30)
        case .flushError, .wipe: (4, 8...40)
        case .leap: (4, 8...30)
        case .transfer: (2, 2...10)
        case .addLearner, .promote, .demote, .remove: (2, 4...20)
        case .forget: (3, 8...40)
        case .damage: (4, 8...40)
        case .falseAlarm: (3, 1...10)
        case .disturb: (2, 10...30)
        case .replay: (2, 1...4)
        case .quiet: (3, 8...30)
        case .burst: (3, 4...20)
        case .throttle: (4, 8...40)
        case .force: (4, 10...60)
        case .clone: (4, 10...40)
        case .fill, .outvote, .strand: (1, 1...1)  // drawn by themselves
        }
    }

    private static func rarityInStorm(
        of kind: FaultEvent.Kind
    ) -> (oneIn: Int, halfSeconds: ClosedRange<Int>) {
        switch kind {
        case .crash, .partition, .burst, .replay, .transfer, .isolateLeader: (1, 1...4)
        case .forget: (2, 8...30)
        case .crashAll, .wipe, .flushError, .quiet, .damage, .disturb: (4, 20...40)
        default: (2, 2...8)
        }
    }

    private func draw(
        _ kind: FaultEvent.Kind, at time: UInt64, downFor: UInt64, _ random: inout Random
    ) -> FaultEvent {
        let members = conditions.voters + conditions.spares
        var event = FaultEvent(
            kind: kind, time: time, a: random.next(in: 1...members),
            b: random.next(in: 1...members), duration: random.next() % (4 * Self.second))
        switch kind {
        case .forget:
            event.b = random.next(in: 1...3)
            event.duration = random.next() % downFor
        case .crash, .flushError: event.duration = random.next() % downFor
        case .crashAll: event.duration = Self.second
        case .partition: event.a = random.next(in: 1...(1 << members) - 1)
        case .leap: event.duration = random.next() % (86_400 * Self.second)
        case .burst: event.a = random.next(in: 2...40)
        case .throttle: event.b = random.next(in: 5...500)
        case .force:
            event.a = random.next(in: 1...(1 << members) - 1)
            // Where one is missing, the others are a majority of those who voted before, and adopt what was forced.
            if random.next(in: 0...2) == 0 { event.a = 1 << random.next(in: 0...members - 1) }
            event.b = random.next(in: 1...127)
        default: break
        }
        // Written down, a moment is a number of microseconds.
        event.time -= event.time % 1_000
        event.duration -= event.duration % 1_000
        return event
    }
}

// A plan as text: a line per fact, `#` begins a comment.
extension Plan {
    package var text: String {
        var lines = ["seed \(seed)", "subject \(subject.rawValue)", "seconds \(seconds)"]
        let usual = Conditions()
        for knob in Conditions.knobs
        where conditions[keyPath: knob.path] != usual[keyPath: knob.path] {
            lines.append("\(knob.name) \(conditions[keyPath: knob.path])")
        }
        lines += events.map(\.text)
        return lines.joined(separator: "\n") + "\n"
    }

    /// One line, for reports.
    package var summary: String {
        let usual = Conditions()
        let knobs = Conditions.knobs
            .filter { conditions[keyPath: $0.path] != usual[keyPath: $0.path] }
            .map { "\($0.name) \(conditions[keyPath: $0.path])" }
        let classes = FaultEvent.Kind.allCases.compactMap { kind in
            let count = events.count { $0.kind == kind }
            return count == 0 ? nil : "\(kind.rawValue)x\(count)"
        }
        return (knobs + classes).joined(separator: " ")
    }

    /// - Returns: `nil` when a line is not understood.
    package init?(text: String) {
        self.init(calm: 0, seconds: 0)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            guard let first = words.first, words.count >= 2 else { return nil }
            if first == "at" {
                guard let event = FaultEvent(words) else { return nil }
                events.append(event)
                continue
            }
            guard set(first, words[1]) else { return nil }
        }
        events.sort { $0.time < $1.time }
    }

    private mutating func set(_ name: Substring, _ value: Substring) -> Bool {
        switch name {
        case "seed": seed = UInt64(value) ?? 0
        case "subject":
            guard let subject = SubjectName(rawValue: String(value)) else { return false }
            self.subject = subject
        case "seconds": seconds = Int(value) ?? 0
        default:
            guard let knob = Conditions.knobs.first(where: { $0.name == name }),
                let number = Int(value)
            else { return false }
            conditions[keyPath: knob.path] = number
        }
        return true
    }
}
