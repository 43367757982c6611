package import API
package import HTTP

/// What a request wants, as far as requests are counted apart.
package enum Operation: UInt8, CaseIterable, Sendable {
    /// No handler has named it: a path that does not exist, or a head that makes no sense.
    case other
    case get
    case head
    case put
    case append
    case delete
    case rename
    /// Other POST requests of objects and buckets.
    case post
    /// A page of a bucket's objects.
    case list
    /// Names of buckets, properties of one.
    case readBucket
    case changeBucket
    /// `/v1/daemon`.
    case readNode
    case changeNode
    /// `/v1/cluster`.
    case readCluster
    case changeCluster
    case health
    case metrics
    /// Streams between nodes, and reports of one to another. Streams last, so how long says nothing.
    case stream
    /// Answers that wait for a version, as long as they are asked to.
    case wait
    /// Resources that this build does not serve.
    case unserved

    /// As metrics name it.
    package var name: String {
        switch self {
        case .other: "other"
        case .get: "get"
        case .head: "head"
        case .put: "put"
        case .append: "append"
        case .delete: "delete"
        case .rename: "rename"
        case .post: "post"
        case .list: "list"
        case .readBucket: "bucket_read"
        case .changeBucket: "bucket_change"
        case .readNode: "node_read"
        case .changeNode: "node_change"
        case .readCluster: "cluster_read"
        case .changeCluster: "cluster_change"
        case .health: "health"
        case .metrics: "metrics"
        case .stream: "stream"
        case .wait: "wait"
        case .unserved: "unserved"
        }
    }

    /// Whether how long it takes is up to us.
    package var isTimed: Bool { self != .stream && self != .wait }

    /// What path and method say; handlers refine it by what the body says.
    package init(_ resource: Resource, _ method: Method) {
        let isRead = method == .get || method == .head
        self =
            switch resource {
            case .object: Self.object(method)
            case .buckets: isRead ? .readBucket : method == .post ? .post : .changeBucket
            case .daemon, .reverse, .help, .openAPI: isRead ? .readNode : .changeNode
            case .cluster: isRead ? .readCluster : .changeCluster
            case .health: .health
            case .metrics: .metrics
            case .followLog, .logFollowers, .raftStream: .stream
            case .unserved: .unserved
            }
    }

    private static func object(_ method: Method) -> Operation {
        switch method {
        case .get: .get
        case .head: .head
        case .put: .put
        case .delete: .delete
        case .post: .post
        case .patch, .options, .other: .other
        }
    }
}

extension Exchange {
    /// What the request is counted as.
    package var operation: Operation {
        get { Operation(rawValue: label & ~Self.forwardedBit) ?? .other }
        set { label = newValue.rawValue | label & Self.forwardedBit }
    }

    /// Whether another proxy has passed the request on. Its client has asked that one, which counts it, so that sums over the
    /// cluster have each request once.
    package var isForwarded: Bool {
        get { label & Self.forwardedBit != 0 }
        set { label = label & ~Self.forwardedBit | (newValue ? Self.forwardedBit : 0) }
    }

    /// Above all operations.
    private static let forwardedBit: UInt8 = 0x80
}
