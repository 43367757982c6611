/// What an operation would do, and how safe that is: the answer to `dry_run=true`.
package struct Forecast: Equatable, Sendable {
    package enum Verdict: String, Sendable {
        case safe
        /// It would be done, and something is lost by it: ``reason`` says what.
        case unsafe
        /// It would be refused.
        case blocked
    }

    /// The voting proxies before and after.
    package struct Voters: Equatable, Sendable {
        package var now: Int
        package var then: Int
        /// How many more of them may fail before nothing can be changed any more.
        package var survivesNow: Int
        package var survivesThen: Int
        /// Ids of those not heard.
        package var missing: [String]

        package init(
            now: Int, then: Int, survivesNow: Int, survivesThen: Int, missing: [String]
        ) {
            self.now = now
            self.then = then
            self.survivesNow = survivesNow
            self.survivesThen = survivesThen
            self.missing = missing
        }
    }

    package struct Count: Equatable, Sendable {
        package var now: Int
        package var then: Int

        package init(now: Int, then: Int) {
            self.now = now
            self.then = then
        }
    }

    package let action: String
    package private(set) var verdict = Verdict.safe
    /// Sentences; the worst verdict's come first.
    package private(set) var reasons: [String] = []
    /// What would be another way afterwards, in sentences.
    package var changes: [String] = []
    package var voters: Voters?
    package var activeTargets: Count?
    /// What takes a `blocked` away, or should be done before an `unsafe` one.
    package var next: String?

    package init(_ action: String) {
        self.action = action
    }

    /// Adds a reason; the verdict becomes the worst one said.
    package mutating func warn(_ verdict: Verdict, _ reason: String) {
        let isWorse = verdict == .blocked && self.verdict != .blocked
        if isWorse { reasons.insert(reason, at: 0) } else { reasons.append(reason) }
        if verdict == .blocked || self.verdict == .safe { self.verdict = verdict }
    }

    /// The document, with a newline behind it.
    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.member("dry_run", true)
            json.member("action", action)
            json.member("verdict", verdict.rawValue)
            json.member("reason", reasons.joined(separator: "; "))
            json.key("changes")
            json.array { json in for change in changes { json.value(change) } }
            if let voters {
                json.key("voters")
                json.object { json in
                    json.member("now", voters.now)
                    json.member("then", voters.then)
                    json.member("survives_now", voters.survivesNow)
                    json.member("survives_then", voters.survivesThen)
                    json.key("missing")
                    json.array { json in for id in voters.missing { json.value(id) } }
                }
            }
            if let activeTargets {
                json.key("active_targets")
                json.object { json in
                    json.member("now", activeTargets.now)
                    json.member("then", activeTargets.then)
                }
            }
            if let next { json.member("next", next) }
        }
        json.newline()
        return json.bytes
    }
}
