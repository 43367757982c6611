/// Runs plans.
package enum Campaign {
    /// What one run led to.
    package struct Verdict: Sendable {
        package var plan: Plan
        /// `nil`: everything held.
        package var violation: Violation?
        package var steps: Int
        package var virtualSeconds: Double
        package var counts: Counts
        package var coverage: Coverage
        package var trace: [String]
    }

    /// The subject is chosen here, so that everything below is compiled for it.
    package static func run(
        _ plan: Plan, defect: Defect? = nil, isTracing: Bool = false
    ) throws -> Verdict {
        switch plan.subject {
        case .memory: try run(NamesInMemory.self, plan, defect, isTracing)
        case .disk: try run(BucketsOnDisk.self, plan, defect, isTracing)
        case .sessions: try run(SessionsInMemory.self, plan, defect, isTracing)
        }
    }

    private static func run<Case: Subject>(
        _ subject: Case.Type, _ plan: Plan, _ defect: Defect?, _ isTracing: Bool
    ) throws -> Verdict {
        var world = try World<Case>(plan, defect: defect, isTracing: isTracing)
        let violation = world.run()
        return Verdict(
            plan: plan, violation: violation, steps: world.steps,
            virtualSeconds: Double(world.now) / Double(Plan.second), counts: world.counts,
            coverage: world.coverage, trace: world.trace)
    }
}
