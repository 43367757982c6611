package import Cluster

/// What a change of the configuration would do, as far as the configuration alone says it: part of a ``Forecast``.
package struct ConfigReport: Sendable {
    /// What works and should be thought over first.
    package var cautions: [String] = []
    /// What the change itself would be refused with.
    package var refusal: Failure?
    package var version: UInt64 = 0
    package var effects: [ConfigPlan.Effect] = []

    package init(_ plan: ConfigPlan) {
        cautions = plan.cautions
        version = plan.change.base
        effects = plan.effects
    }

    /// Of settings for one run of a node.
    package init(from before: LayeredConfig, to after: LayeredConfig) {
        let known = before.cautions
        cautions = after.cautions.filter { !known.contains($0) }
        version = before.version
        effects = before.effects(of: after)
    }

    package init(blockedBy refusal: Failure, version: UInt64) {
        self.refusal = refusal
        self.version = version
    }
}

extension Forecast {
    package init(_ report: ConfigReport, _ action: Action, _ survival: Survival) {
        self.init(action.rawValue, survival)
        add(report)
    }

    /// What it would do to the configuration: in sentences, and option by option.
    package mutating func add(_ report: ConfigReport) {
        if let refusal = report.refusal { block(refusal) }
        for caution in report.cautions { warn(caution) }
        configVersion = report.version
        for effect in report.effects {
            let whose = effect.node.map { " of \($0)" } ?? ""
            // A value that a node has of its own gives way to the same one of the cluster, or to the default.
            guard effect.before != effect.after else {
                changes.append(
                    "option \(effect.name)\(whose) stays '\(effect.after)', and only where it comes from changes"
                )
                continue
            }
            changes.append(
                "option \(effect.name)\(whose) is '\(effect.after)' in place of '\(effect.before)'")
            options.append(
                Option(
                    name: effect.name, node: effect.node?.text, before: effect.before,
                    after: effect.after))
        }
        if report.effects.isEmpty, report.refusal == nil {
            changes.append("nothing: the configuration is so already")
        }
    }
}
