import Cluster

/// A parameter of an operation: in its query, its path, or among its headers.
package struct Parameter: Sendable {
    enum Place: String, Sendable {
        case query
        case path
        case header
    }

    package let name: String
    let place: Place
    let schema: Schema
    let summary: String
    let isRequired: Bool
    /// Whether it stands for many: each member of the object is a parameter of its own.
    let isExploded: Bool
    /// Whether this version does what it asks for.
    let isServed: Bool
    var isFlag: Bool {
        if case .words(["true", "false"]) = schema { true } else { false }
    }

    private init(
        _ name: String, _ place: Place, _ schema: Schema, _ summary: String,
        isRequired: Bool = false, isExploded: Bool = false, isServed: Bool = true
    ) {
        self.name = name
        self.place = place
        self.schema = schema
        self.summary = summary
        self.isRequired = isRequired
        self.isExploded = isExploded
        self.isServed = isServed
    }

    static func query(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
        Parameter(name, .query, schema, summary)
    }

    static func required(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
        Parameter(name, .query, schema, summary, isRequired: true)
    }

    static func unserved(_ name: String, _ schema: Schema) -> Parameter {
        Parameter(name, .query, schema, "answered 501 by this version", isServed: false)
    }

    /// A yes or no that nothing is done about; no is as good as silence.
    static func unserved(_ name: String) -> Parameter { unserved(name, flagSchema) }

    static func each(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
        Parameter(name, .query, schema, summary, isExploded: true)
    }

    static func header(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
        Parameter(name, .header, schema, summary)
    }

    /// What stands in a path's braces.
    static func element(_ name: String) -> Parameter {
        switch name {
        case "bucket":
            Parameter(
                name, .path, .pattern("[.a-zA-Z0-9_-]{1,\(BucketName.bytesMax)}"),
                "a bucket's name",
                isRequired: true)
        case "object":
            Parameter(
                name, .path, .texts(length: 1...1_024),
                "an object's name; slashes in it may stand as they are", isRequired: true)
        case "session":
            Parameter(
                name, .path, .pattern("[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"),
                "a session's id", isRequired: true)
        case "row":
            Parameter(
                name, .path, .pattern("[AaQqMm][0-9]{1,2}"),
                "a row of the contract, as A1, or M1 and on",
                isRequired: true)
        case "element":
            Parameter(
                name, .path, .words(["mountpaths", "setconfig", "resetconfig", "proxy"]),
                "as behind /v1/daemon", isRequired: true)
        default:
            Parameter(name, .path, nodeID, "a node's id", isRequired: true)
        }
    }
}

extension Parameter {
    static let flagSchema = Schema.words(["true", "false"])

    static let dryRun = query(
        QueryName.dryRun, flagSchema, "say what would change, and change nothing")
    static let force = query(QueryName.force, flagSchema, "although something would be lost")
    static let askTargets = query(
        QueryName.force, flagSchema,
        "ask targets that are late to report; nothing here waits for reports")
    static let nonElectable = query(
        QueryName.nonElectable, flagSchema, "the proxy is never made primary")
    static let provider = query(
        QueryName.provider, .words(["ais"]), "of the bucket; this version has no other")
    static let namespace = query(
        QueryName.namespace, .pattern("(?:#[a-zA-Z0-9_-]{1,32})?"), "of the bucket, as #NAME")
    static let consistency = query(
        QueryName.consistency, .words(["stale", "linearizable"]),
        "what this node has, or what the majority has; by default the latter where it can be had")
    static let waitVersion = query(
        QueryName.waitVersion, .pattern("[0-9]{1,19}"),
        "answer when the document (smap, bmd, config, cluster_config) has this version")
    static let version = query(
        QueryName.version, .pattern("[1-9][0-9]{0,18}"),
        "smap, bmd, config, cluster_config as they were in this version")
    static let difference = query(
        QueryName.difference, .pattern("[1-9][0-9]{0,18}"),
        "what differs since this version, up to `version` or now")
    static let timeout = query(
        QueryName.timeout, .pattern(VersionWait.timeoutPattern),
        "how long is waited, up to \(Int(Limits.waitSecondsMax)) seconds")
    static let can = query(
        QueryName.can, .pattern("http://[a-z0-9.:\\[\\]-]{1,64}"), "the proxy that goes on, by URL")
    static let candidate = query(
        QueryName.candidate, nodeID, "the proxy that goes on, by id")
    static let override = query(
        QueryName.override, .words(["quorum"]), "although a majority answers")
    /// Of every change that has an outcome to look up.
    static let ofChanges: [Parameter] = [
        header(
            HeaderName.requestID, requestID,
            "names the request: what=history&request_id= says what became of it"),
        header(
            HeaderName.term, .pattern("[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"),
            "a position, as an answer brought it: to be made in the term of it, or not at all"),
    ]
    private static let position = query(
        QueryName.position, .text, "the position of the state a redirect was made from")
    /// What a proxy adds when it redirects.
    static let redirected: [Parameter] = [
        query(QueryName.proxyID, nodeID, "the proxy that redirected the request"),
        query(QueryName.unixTime, .pattern("[0-9]{1,19}"), "when, in nanoseconds"), position,
    ]
    /// Which bucket.
    static let place = [provider, namespace]
    /// Of later clients, about remote buckets and objects; here what is asked about is present, or is not.
    static let presence = query(
        QueryName.presence, .words(Presence.allCases.map { String($0.rawValue) }),
        "0 and 2: with properties; 1, 3 and 4: only whether it is there")
    static let silent = query(
        QueryName.silent, flagSchema, "not to be logged when it is not there; it never is")

    // MARK: Shapes

    /// A node's id, as ``Cluster/NodeID`` takes it.
    static let nodeID = Schema.pattern("[a-zA-Z0-9._:-]{1,\(NodeID.bytesMax)}")
    /// What names a request, as the log takes it.
    static let requestID = Schema.texts(length: 1...LogRecord.textBytesMax)
}
