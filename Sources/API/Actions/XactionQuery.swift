import Base
package import Cluster

/// Which jobs somebody asks about (contract §11.4, §11.5): by id, or by kind, bucket, node and whether they run.
package struct XactionQuery: Equatable, Sendable {
    package var id = ""
    package var kind: XactionKind?
    package var buckets: [Bucket] = []
    /// The one target that is asked about.
    package var node: NodeID?
    /// `true` those that run, `false` those that have ended, `nil` both.
    package var isRunning: Bool?

    /// The message that a body of `what=xaction` is when it does not ask: that of a job to be started or stopped, in the form of
    /// `PUT /v1/cluster` (contract §11.5).
    ///
    /// - Returns: `nil` for a question, or for what is no message at all.
    package static func order(in body: [UInt8]) throws(Failure) -> ActionMessage? {
        guard let json = try? JSONValue(parsing: body), case .object(let object) = json,
            let action = try text("action", in: object).flatMap(Action.init(text:)),
            action == .start || action == .stop
        else { return nil }
        let value = try ActionValue(object["value"], keys: ["bucket"])
        var members: [JSONObject.Member] = []
        if let kind = try text("name", in: object), !kind.isEmpty {
            members.append(.init(key: "kind", value: .string(kind)))
        }
        if let name = try value?.string("bucket"), !name.isEmpty {
            members.append(
                .init(
                    key: "bck",
                    value: .object(JSONObject([.init(key: "name", value: .string(name))]))))
        }
        return try ActionMessage(
            .object(
                JSONObject([
                    .init(key: "action", value: .string(action.rawValue)),
                    .init(key: "value", value: .object(JSONObject(members))),
                ])))
    }

    /// Reads AIStore's own form, `{"id","kind","bck","show_active"}`, and that of its documents,
    /// `{"action":"stats","name":KIND,"value":{"bucket":NAME}}`. Either has its own keys: those of the other would say nothing.
    package init(decoding body: [UInt8]) throws(Failure) {
        let example = #"{"kind":"rebalance"}, or {} for all"#
        guard case .object(let object) = try JSONValue(body: body, wanted: example) else {
            throw Failure(.badJSON, "the body is not a JSON object", next: "send \(example)")
        }
        try object.checkOnce(["action", "name", "value"], in: "the question")
        if let action = try Self.text("action", in: object), !action.isEmpty {
            guard action == "stats" else {
                throw Failure(
                    .unknownAction, "'\(action.excerpt)' is no question about jobs",
                    next:
                        #"{"action":"stats",…} asks, "start" and "stop" order; PUT /v1/cluster does so too"#
                )
            }
            // Other keys of the outer object are AIStore's to use (contract §2.3).
            if let key = JobWords.keys.first(where: { object[$0] != nil }) {
                throw Failure(
                    .badValue, "'\(key)' says nothing beside the action 'stats'",
                    next: "'name' has the kind, 'value' the bucket; or ask without an action: "
                        + #"{"kind":"rebalance"}"#)
            }
            let value = try ActionValue(object["value"], keys: ["bucket"])
            try setKind(try Self.text("name", in: object) ?? "")
            if let name = try value?.string("bucket"), !name.isEmpty {
                buckets = [try Bucket(name: name, query: .empty)]
            }
            return
        }
        let members = object.members.filter { !JSONObject.matches($0.key, "action") }
        let words = try JobWords(.object(JSONObject(members)), place: "question")
        id = words.id
        try setKind(words.kind)
        buckets = words.buckets + (words.bucket.map { [$0] } ?? [])
        node = words.node
        isRunning = words.isRunning
        try Self.refuse("force", words.force)
        try Self.refuse("Timeout", words.timeout > 0)
        try Self.refuse("flags", words.flags > 0)
    }

    private static func refuse(_ key: String, _ isSaid: Bool) throws(Failure) {
        guard isSaid else { return }
        throw Failure(
            .badValue, "'\(key)' says nothing to a question about jobs", next: "leave it out")
    }

    private mutating func setKind(_ word: String) throws(Failure) {
        guard !word.isEmpty else { return }
        guard let known = XactionKind(text: word) else {
            var failure = Failure.noSuchKind(word)
            failure.code = .xactionNotFound
            failure.status = failure.code.status
            throw failure
        }
        kind = known
    }

    private static func text(_ key: String, in object: JSONObject) throws(Failure) -> String? {
        switch object[key] {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw Failure(.badValue, "'\(key)' is not a text")
        }
    }

    /// What is answered about a job that nobody knows.
    package var notFound: Failure {
        let what =
            if !id.isEmpty { "job '\(id.excerpt)'" } else if let kind {
                "job of kind \(kind.rawValue)"
            } else {
                "job"
            }
        return Failure(.xactionNotFound, "no \(what) is known")
    }
}

/// The kinds of jobs that AIStore knows (contract §11.1).
package enum XactionKind: String, CaseIterable, Sendable {
    case lru
    case resilver
    case rebalance
    case election
    case download
    case makeCopies = "makencopies"
    case putCopies = "putcopies"
    case encode = "ecencode"
    case encodedGet = "ecget"
    case encodedPut = "ecput"
    case encodedResponse = "ecresp"
    case renameBucket = "renamelb"
    case copyBucket = "copybck"
    case transformBucket = "etlbck"
    case evictObjects = "evictobj"
    case deleteObjects = "delete"
    case prefetch
    case loadCache = "loadlomcache"
    case promote
    case listObjects = "listobj"
    case queryObjects = "queryobj"
    case summarize = "summarybck"

    /// Also by the words of AIStore's later versions, which call most kinds by the action that begins them.
    package init?(text: String) {
        if text == "load-lom-cache" {
            self = .loadCache
        } else {
            self.init(rawValue: Action(text: text)?.rawValue ?? text)
        }
    }

    /// Whether an operator may start it by its name (contract §11.1).
    package var isStartable: Bool {
        switch self {
        case .lru, .resilver, .rebalance, .prefetch, .loadCache: true
        default: false
        }
    }
}

extension Failure {
    /// Somebody names a kind of job that AIStore does not have.
    package static func noSuchKind(_ word: String) -> Failure {
        Failure(
            .badValue, "there is no kind of job '\(word.excerpt)'",
            next: "kinds: \(XactionKind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
}
