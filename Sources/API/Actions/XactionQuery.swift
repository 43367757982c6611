import Base
package import Cluster

/// Which jobs somebody asks about (contract §11.4, §11.5): by id, or by kind, bucket and whether they run.
package struct XactionQuery: Equatable, Sendable {
    package var id = ""
    package var kind: XactionKind?
    package var bucket: Bucket?
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
    /// `{"action":"stats","name":KIND,"value":{"bucket":NAME}}`.
    package init(decoding body: [UInt8]) throws(Failure) {
        let example = #"{"kind":"rebalance"}, or {} for all"#
        guard case .object(let object) = try JSONValue(body: body, wanted: example) else {
            throw Failure(.badJSON, "the body is not a JSON object", next: "send \(example)")
        }
        let keys = ["id", "kind", "bck", "show_active", "action", "name", "value"]
        try object.checkOnce(keys, in: "the question")
        if let action = try Self.text("action", in: object), !action.isEmpty {
            guard action == "stats" else {
                throw Failure(
                    .unknownAction, "'\(action.excerpt)' is no question about jobs",
                    next:
                        #"{"action":"stats",…} asks, "start" and "stop" order; PUT /v1/cluster does so too"#
                )
            }
            let value = try ActionValue(object["value"], keys: ["bucket"])
            try setKind(try Self.text("name", in: object))
            if let name = try value?.string("bucket"), !name.isEmpty {
                bucket = try Bucket(name: name, query: .empty)
            }
            return
        }
        id = try Self.text("id", in: object) ?? ""
        try setKind(try Self.text("kind", in: object))
        bucket = try Self.bucket(object["bck"])
        switch object["show_active"] {
        case nil, .null: break
        case .bool(let flag): isRunning = flag
        default: throw Failure(.badValue, "'show_active' is neither true, false nor null")
        }
    }

    private mutating func setKind(_ word: String?) throws(Failure) {
        guard let word, !word.isEmpty else { return }
        guard let known = XactionKind(rawValue: word) else {
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

    private static func bucket(_ json: JSONValue?) throws(Failure) -> Bucket? {
        guard let json, json != .null else { return nil }
        guard case .object(let object) = json else {
            throw Failure(.badValue, "'bck' is not an object")
        }
        guard let name = try text("name", in: object), !name.isEmpty else { return nil }
        guard let bucket = Bucket(name: name) else {
            throw Failure(.badBucketName, "'\(name.excerpt)' is not a bucket's name")
        }
        return bucket
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
