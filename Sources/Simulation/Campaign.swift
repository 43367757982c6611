/// What `martlet sim --subject` names.
package enum SubjectName: String, CaseIterable, Sendable {
    /// Names over storage in memory: the fastest, for the protocol itself.
    case memory
}

/// Many seeds, one after another.
package enum Campaign {
    /// What one seed led to.
    package struct Verdict: Sendable {
        package var seed: UInt64
        package var faults: Faults
        /// `nil`: everything held.
        package var violation: String?
        package var steps: Int
        package var virtualSeconds: Double
        package var trace: [String]
        package var acknowledged: Int
        package var unknown: Int
        package var reads: Int
        package var elections: Int
        package var crashes: Int
        package var snapshots: Int
    }

    /// Runs one seed. The subject is chosen here, so that everything below is compiled for it.
    package static func run(
        _ subject: SubjectName = .memory, seed: UInt64, seconds: UInt64, defect: Defect? = nil,
        isTracing: Bool = false
    ) throws -> Verdict {
        switch subject {
        case .memory:
            try run(
                NamesInMemory.self, seed: seed, seconds: seconds, defect: defect,
                isTracing: isTracing)
        }
    }

    private static func run<Case: Subject>(
        _ subject: Case.Type, seed: UInt64, seconds: UInt64, defect: Defect?, isTracing: Bool
    ) throws -> Verdict {
        let faults = Faults(seed: seed)
        var world = try World<Case>(
            seed: seed, faults: faults, defect: defect, isTracing: isTracing)
        let violation = world.run(seconds: seconds)
        return Verdict(
            seed: seed, faults: faults, violation: violation, steps: world.steps,
            virtualSeconds: Double(world.now) / Double(Faults.second), trace: world.trace,
            acknowledged: world.counts.acknowledged, unknown: world.counts.unknown,
            reads: world.counts.reads, elections: world.counts.elections,
            crashes: world.counts.crashes, snapshots: world.counts.snapshots)
    }
}
