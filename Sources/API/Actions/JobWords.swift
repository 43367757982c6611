import Base
package import Cluster
import HTTP

/// What is said about jobs, in a message that starts or stops one and in a question (contract §7.9, §11.5), in the keys of AIStore
/// 3.3 and of its later versions. The clients of the later ones send every key they have: one whose value says nothing (`""`,
/// `false`, `0`, `null`, a bucket without a name) is as good as missing.
package struct JobWords: Equatable, Sendable {
    package private(set) var id = ""
    /// As it was written; empty when none is named.
    package private(set) var kind = ""
    package private(set) var bucket: Bucket?
    package private(set) var buckets: [Bucket] = []
    package private(set) var node: NodeID?
    /// `show_active`: `true` those that run, `false` those that have ended. The later `OnlyRunning` has no word for these.
    package private(set) var isRunning: Bool?
    package private(set) var force = false
    /// Nanoseconds that a client waits by itself.
    package private(set) var timeout: UInt64 = 0
    package private(set) var flags: UInt64 = 0

    package static let keys = [
        "id", "kind", "bck", "buckets", "force", "show_active", "OnlyRunning", "node", "DaemonID",
        "Timeout", "flags",
    ]

    /// - Parameters:
    ///   - json: an object, or nothing.
    ///   - place: what failures call it.
    /// - Throws: for a key that is not known, and for a value that a key cannot have.
    package init(_ json: JSONValue?, place: String = "value") throws(Failure) {
        guard let value = try ActionValue(json, place: place, keys: Self.keys) else { return }
        id = try value.string("id") ?? ""
        kind = try value.string("kind") ?? ""
        bucket = try value.bucket("bck")
        buckets = try value.buckets("buckets") ?? []
        force = try value.bool("force") ?? false
        isRunning = try value.bool("show_active")
        if try value.bool("OnlyRunning") == true { isRunning = true }
        for key in ["node", "DaemonID"] {
            guard let text = try value.string(key), !text.isEmpty else { continue }
            guard let id = NodeID(text) else {
                throw Failure(
                    .badNode, "'\(text.excerpt)' is not a node's id",
                    next: "GET /v1/daemon?what=smap lists nodes")
            }
            node = id
        }
        timeout = try value.unsigned("Timeout") ?? 0
        flags = try value.unsigned("flags") ?? 0
    }

    /// Refuses, by its name, what a request to start or to stop a job would pass over (contract §7.9). What helps is to leave it
    /// out: nothing was changed.
    ///
    /// - Parameters:
    ///   - action: start or stop.
    ///   - isOfRebalance: whether it is about a rebalance; otherwise it stops a job of another kind, of which there is none.
    /// - Throws: the first that would be, with the reason.
    package func refuseUnheeded(
        by action: Action, isOfRebalance: Bool
    ) throws(Failure) {
        let word = action.rawValue
        func refuse(
            _ key: String, _ reason: String, _ code: FailureCode = .badValue
        ) -> Failure {
            Failure(
                code, "'value.\(key)' says nothing to a \(word): \(reason)",
                next: "nothing was changed; leave it out")
        }
        if action == .start, !id.isEmpty {
            throw refuse("id", "a job that is started gets an id of its own, which is the answer")
        }
        if isOfRebalance, bucket != nil {
            throw refuse(
                "bck", "a rebalance of this build is of all buckets",
                action == .start ? .notImplemented : .badValue)
        }
        if !buckets.isEmpty { throw refuse("buckets", "it is for jobs of kind lru") }
        if force { throw refuse("force", "it is for jobs of kind lru") }
        if isRunning != nil { throw refuse("show_active", "it is for questions about jobs") }
        if node != nil { throw refuse("DaemonID", "it is for jobs of one node (resilver)") }
        if timeout > 0 { throw refuse("Timeout", "no job is waited for") }
        if flags > 0 { throw refuse("flags", "this build has none", .notImplemented) }
    }
}

extension ActionValue {
    /// A bucket, as AIStore writes one; `nil` where it is missing, or has no name and nothing else.
    fileprivate func bucket(_ key: String) throws(Failure) -> Bucket? {
        guard let section = try section(key, keys: Bucket.keys) else { return nil }
        return try Bucket(section)
    }

    fileprivate func buckets(_ key: String) throws(Failure) -> [Bucket]? {
        guard let sections = try sections(key, keys: Bucket.keys) else { return nil }
        var buckets: [Bucket] = []
        for section in sections {
            guard let bucket = try Bucket(section) else {
                throw Failure(.badBucketName, "one of '\(key)' has no name")
            }
            buckets.append(bucket)
        }
        return buckets
    }
}

extension Bucket {
    fileprivate static let keys = ["name", "provider", "namespace"]

    /// - Throws: for what cannot be a bucket's identity (contract §3.2).
    fileprivate init?(_ value: ActionValue) throws(Failure) {
        let name = try value.string("name") ?? ""
        let word = try value.string("provider") ?? ""
        let space = try value.section("namespace", keys: ["uuid", "name"])
        let (uuid, inner) = (try space?.string("uuid") ?? "", try space?.string("name") ?? "")
        guard !name.isEmpty else {
            guard word.isEmpty, uuid.isEmpty, inner.isEmpty else {
                throw Failure(
                    .badBucketName, "the bucket has a provider or a namespace and no name")
            }
            return nil
        }
        var query: [String] = []
        if !word.isEmpty { query.append("\(QueryName.provider)=\(PercentCoding.encoded(word))") }
        if !uuid.isEmpty || !inner.isEmpty {
            let text = PercentCoding.encoded("@\(uuid)#\(inner)")
            query.append("\(QueryName.namespace)=\(text)")
        }
        try self.init(name: name, query: Query(Substring(query.joined(separator: "&"))))
    }
}
