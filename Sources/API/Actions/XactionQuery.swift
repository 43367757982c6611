import Base
package import Cluster

/// Which jobs somebody asks about (contract §11.4, §11.5): by id, or by kind, bucket and whether they run.
package struct XactionQuery: Equatable, Sendable {
    package var id = ""
    package var kind: XactionKind?
    package var bucket: Bucket?
    /// `true` those that run, `false` those that have ended, `nil` both.
    package var isRunning: Bool?

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
                    next: #"{"action":"stats",…} asks; PUT /v1/cluster starts and stops"#)
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
            throw Failure(
                .xactionNotFound, "there is no kind of job '\(word.excerpt)'",
                next: "kinds: \(XactionKind.allCases.map(\.rawValue).joined(separator: ", "))")
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
}
