package import Base

/// What a change would do, and how safe that is: the answer to `dry_run=true`, of every change of the control plane
/// (decision 0032).
package struct Forecast: Equatable, Sendable {
    package enum Verdict: String, Sendable {
        case safe
        /// It would be done, and something is lost by it: the reason says what.
        case unsafe
        /// It would be refused.
        case blocked
    }

    /// An option of the configuration that gets another value.
    package struct Option: Equatable, Sendable {
        package var name: String
        /// The node whose own value it is; `nil` for the cluster's.
        package var node: String?
        package var before: String
        package var after: String

        package init(name: String, node: String? = nil, before: String, after: String) {
            self.name = name
            self.node = node
            self.before = before
            self.after = after
        }
    }

    package var action: String
    package private(set) var verdict = Verdict.safe
    /// Sentences; those that block come first.
    package private(set) var reasons: [String] = []
    private var blocking = 0
    /// The failure that the change itself would be refused with.
    package private(set) var code: FailureCode?
    /// What would be another way afterwards, in sentences, in the order in which it would happen.
    package var changes: [String] = []
    package var survival: Survival
    package var options: [Option] = []
    /// The version of the configuration that the options are compared with.
    package var configVersion: UInt64?
    /// What takes a `blocked` away, or should be done before an `unsafe` one.
    package var next: String?

    package init(_ action: String, _ survival: Survival) {
        self.action = action
        self.survival = survival
    }

    /// Something is lost by it.
    package mutating func warn(_ reason: String, next: String? = nil) {
        reasons.append(reason)
        guard verdict != .blocked else { return }
        verdict = .unsafe
        self.next = self.next ?? next
    }

    /// It would be refused. Of several refusals the first is the one that the change would meet: its code and its `next` count.
    package mutating func block(_ refusal: Failure) {
        let reason = [refusal.message, refusal.cause].compactMap { $0 }.joined(separator: ": ")
        reasons.insert(reason, at: blocking)
        blocking += 1
        guard code == nil else { return }
        verdict = .blocked
        code = refusal.code
        next =
            refusal.next
            ?? "nothing was changed; the change itself is answered \(refusal.status) "
            + refusal.code.rawValue
    }

    /// Takes a refusal in, unless it is about the request itself: nothing that happens in the cluster could lift that one, so
    /// the request is answered with it, rehearsed or not. Behind another refusal it is one more reason: the change meets the first.
    package mutating func take(_ refusal: Failure) throws(Failure) {
        guard code != nil || !refusal.code.isAboutTheRequest else { throw refusal }
        block(refusal)
    }

    /// Goes on with another word for what helps, when it is that failure that blocks.
    package mutating func replaceNext(of code: FailureCode, by next: String) {
        if self.code == code { self.next = next }
    }
}

extension FailureCode {
    /// Whether a request that is refused so is malformed, or names what does not exist: no rehearsal of it makes sense.
    package var isAboutTheRequest: Bool {
        switch self {
        case .badPath, .badQuery, .unknownParameter, .badJSON, .badValue, .badHeader, .badBody,
            .badPosition,
            .badBucketName, .badObjectName, .badProvider, .badNamespace, .badRange,
            .unknownAction, .unknownDocument, .unknownResource, .methodNotAllowed, .bodyTooLarge,
            .unknownOption, .optionRefused, .notImplemented,
            .bucketNotFound, .objectNotFound, .nodeNotFound, .xactionNotFound, .versionNotFound,
            .mountpathNotFound, .sessionExpired:
            true
        default: false
        }
    }
}

// MARK: Wire

extension Forecast {
    /// The document, with a newline behind it.
    package var encoded: [UInt8] { encoded { _ in } }

    /// The same with what else there is to tell, in members of their own.
    package func encoded(with more: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.member("dry_run", true)
            json.member("action", action)
            json.member("verdict", verdict.rawValue)
            json.member("reason", reasons.joined(separator: "; "))
            if let code { json.member("code", code.rawValue) }
            json.member("changes", changes)
            if let configVersion { json.member("config_version", String(configVersion)) }
            if configVersion != nil || !options.isEmpty { write(options: &json) }
            survival.write(members: &json)
            if let next { json.member("next", next) }
            more(&json)
        }
        json.newline()
        return json.bytes
    }

    private func write(options json: inout JSONWriter) {
        json.key("options")
        json.array { json in
            for option in options {
                json.object { json in
                    json.member("name", option.name)
                    if let node = option.node { json.member("node", node) }
                    json.member("before", option.before)
                    json.member("after", option.after)
                }
            }
        }
    }

    /// Reads what another node foresees, so that a node can add what it does itself. Of the reasons it has one, which is all.
    ///
    /// - Throws: that the bytes are no forecast.
    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        guard case .object(let object) = try JSONValue(parsing: bytes),
            let action = object["action"]?.string,
            let verdict = object["verdict"]?.string.flatMap(Verdict.init(rawValue:)),
            let reason = object["reason"]?.string
        else { throw DecodingFailure("not a forecast", at: 0) }
        self.init(action, try Survival(object))
        self.verdict = verdict
        reasons = reason.isEmpty ? [] : [reason]
        blocking = verdict == .blocked ? 1 : 0
        code = object["code"]?.string.flatMap(FailureCode.init(rawValue:))
        if case .array(let texts)? = object["changes"] { changes = texts.compactMap(\.string) }
        next = object["next"]?.string
    }
}
