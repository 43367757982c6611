import Base
package import Cluster

/// Several changes in one request, made together or not at all:
///
///     PUT /v1/cluster   {"action":"batch","value":[
///         {"action":"createlb","name":"a"}, {"action":"destroylb","name":"b"},
///         {"action":"setconfig","name":"stats_time","value":"10s"}]}
package struct BatchRequest: Sendable {
    package enum Change: Sendable {
        /// With the value that its properties are made from.
        case createBucket(Bucket, JSONValue?)
        case destroyBucket(Bucket)
        case config(ConfigRequest)
    }

    package let changes: [Change]
    package let isDryRun: Bool

    package static let actions: [Action] = [
        .createBucket, .destroyBucket, .setConfig, .resetConfig,
    ]

    package init(_ message: ActionMessage, query: Query) throws(Failure) {
        guard case .array(let items)? = message.value, !items.isEmpty else {
            throw Failure(
                .badValue, "the value of a batch is not a list of changes",
                next: #"{"action":"batch","value":[{"action":"createlb","name":"BUCKET"}]}"#)
        }
        guard items.count <= Command.batchMax else {
            throw Failure(
                .badValue, "\(items.count) changes in one batch",
                next: "at most \(Command.batchMax)")
        }
        isDryRun = try query.flag(QueryName.dryRun)
        var changes: [Change] = []
        var buckets: Set<Bucket> = []
        for (place, item) in items.enumerated() {
            do throws(Failure) {
                let change = try Self.change(item)
                if let bucket = change.bucket, !buckets.insert(bucket).inserted {
                    throw Failure(
                        .badValue, "bucket \(bucket.description.excerpt) is named twice",
                        next: "a batch changes a bucket once")
                }
                changes.append(change)
            } catch {
                throw error.inBatch(change: place + 1)
            }
        }
        self.changes = changes
    }

    private static func change(_ item: JSONValue) throws(Failure) -> Change {
        guard case .object(let object) = item else {
            throw Failure(.badValue, "it is not an object", next: #"{"action":…,"name":…}"#)
        }
        if let key = object.keyOutside(["action", "name", "value"]) {
            throw Failure(
                .badValue, "unknown key '\(key.excerpt)'", next: "known are action, name, value")
        }
        let message = try ActionMessage(item)
        switch try message.decoded(allowed: actions) {
        case .createBucket: return .createBucket(try bucket(message), message.value)
        case .destroyBucket:
            guard message.value == nil else {
                throw Failure(.badValue, "destroying a bucket takes no value")
            }
            return .destroyBucket(try bucket(message))
        case let action: return .config(try ConfigRequest(action, message, query: .empty))
        }
    }

    private static func bucket(_ message: ActionMessage) throws(Failure) -> Bucket {
        guard !message.name.isEmpty else {
            throw Failure(.badBucketName, "it names no bucket", next: "give 'name'")
        }
        return try Bucket(name: message.name, query: .empty)
    }
}

extension BatchRequest.Change {
    fileprivate var bucket: Bucket? {
        switch self {
        case .createBucket(let bucket, _), .destroyBucket(let bucket): bucket
        case .config: nil
        }
    }
}

extension Failure {
    /// The same, with which change of a batch it is about, from 1.
    package func inBatch(change: Int) -> Failure {
        var failure = self
        failure.message = "change \(change) of the batch: \(message)"
        return failure
    }
}
