/// Makes a failing plan smaller while it still fails: fewer faults, fewer clients, milder conditions,
/// a shorter run.
///
/// The failure may change its form on the way; what stays is that a promise of the same kind (the
/// identifier before the colon) is broken.
package struct Shrinker {
    private let defect: Defect?
    /// Runs are spent on trying, not more than this.
    private var triesLeft: Int

    package init(defect: Defect? = nil, triesMax: Int = 2_000) {
        self.defect = defect
        triesLeft = triesMax
    }

    package func shrink(_ plan: Plan, _ violation: Violation) -> Plan {
        var shrinker = self
        var best = plan
        best.seconds = min(
            best.seconds, Int(violation.time / Plan.second) + 1)
        if !shrinker.fails(best, like: violation) { best = plan }
        var isSmaller = true
        while isSmaller, shrinker.triesLeft > 0 {
            isSmaller = shrinker.removeEvents(&best, violation)
            isSmaller = shrinker.calm(&best, violation) || isSmaller
            isSmaller = shrinker.shorten(&best, violation) || isSmaller
        }
        return best
    }

    private mutating func fails(_ plan: Plan, like violation: Violation) -> Bool {
        guard triesLeft > 0 else { return false }
        triesLeft -= 1
        guard let found = try? Campaign.run(plan, defect: defect).violation else { return false }
        return kind(of: found) == kind(of: violation)
    }

    private func kind(of violation: Violation) -> Substring {
        violation.text.prefix { $0 != ":" && $0 != " " }
    }

    /// Halves, quarters, … down to single events (Zeller's delta debugging, simplified).
    private mutating func removeEvents(_ best: inout Plan, _ violation: Violation) -> Bool {
        var hasShrunk = false
        var size = max(1, best.events.count / 2)
        while size >= 1, !best.events.isEmpty {
            var start = 0
            while start < best.events.count {
                var candidate = best
                candidate.events.removeSubrange(
                    start..<min(start + size, candidate.events.count))
                if fails(candidate, like: violation) {
                    best = candidate
                    hasShrunk = true
                } else {
                    start += size
                }
            }
            if size == 1 { break }
            size /= 2
        }
        return hasShrunk
    }

    /// Every knob back to its usual value, if the failure stays; the number of clients and spare members
    /// down.
    private mutating func calm(_ best: inout Plan, _ violation: Violation) -> Bool {
        var hasShrunk = false
        let usual = Conditions()
        for knob in Conditions.knobs where knob.name != "voters" {
            var candidate = best
            candidate.conditions[keyPath: knob.path] = usual[keyPath: knob.path]
            guard candidate != best, fails(candidate, like: violation) else { continue }
            best = candidate
            hasShrunk = true
        }
        for (path, least) in [(\Conditions.clients, 1), (\Conditions.voters, 1)] {
            while best.conditions[keyPath: path] > least {
                var candidate = best
                candidate.conditions[keyPath: path] -= 1
                guard fails(candidate, like: violation) else { break }
                best = candidate
                hasShrunk = true
            }
        }
        return hasShrunk
    }

    private mutating func shorten(_ best: inout Plan, _ violation: Violation) -> Bool {
        let seconds = best.seconds
        while best.seconds > 1 {
            var candidate = best
            candidate.seconds = best.seconds * 3 / 4
            candidate.events.removeAll { $0.time >= UInt64(candidate.seconds) * Plan.second }
            guard fails(candidate, like: violation) else { break }
            best = candidate
        }
        return best.seconds < seconds
    }
}
