import Base
package import Cluster

/// What a change of the configuration would do: the answer to `dry_run=true`, which changes nothing.
package struct ConfigReport: Sendable {
    package enum Verdict: String, Sendable {
        case safe
        /// It works, and should be thought over first.
        case unsafe
        /// It would be refused.
        case blocked
    }

    package let verdict: Verdict
    package var reasons: [String] = []
    /// The code the change itself would be refused with.
    package var code: FailureCode?
    package var version: UInt64 = 0
    package var effects: [ConfigPlan.Effect] = []

    package init(_ plan: ConfigPlan) {
        verdict = plan.cautions.isEmpty ? .safe : .unsafe
        reasons = plan.cautions
        version = plan.change.base
        effects = plan.effects
    }

    /// Of settings for one run of a node.
    package init(from before: LayeredConfig, to after: LayeredConfig) {
        let known = before.cautions
        reasons = after.cautions.filter { !known.contains($0) }
        verdict = reasons.isEmpty ? .safe : .unsafe
        version = before.version
        effects = before.effects(of: after)
    }

    package init(blockedBy failure: Failure, version: UInt64) {
        verdict = .blocked
        reasons = [[failure.message, failure.next].compactMap { $0 }.joined(separator: "; ")]
        code = failure.code
        self.version = version
    }

    /// The document, with a newline behind it.
    package var encoded: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("dry_run", true)
            json.member("verdict", verdict.rawValue)
            json.key("reasons")
            json.array { json in for reason in reasons { json.value(reason) } }
            if let code { json.member("code", code.rawValue) }
            json.member("config_version", String(version))
            json.key("changes")
            json.array { json in
                for effect in effects {
                    json.object { json in
                        json.member("name", effect.name)
                        if let node = effect.node { json.member("node", node.text) }
                        json.member("before", effect.before)
                        json.member("after", effect.after)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }
}
