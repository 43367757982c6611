import Base
import HTTP

/// What a request is about: its path, taken apart (contract §2.1).
package enum Resource: Equatable, Sendable {
    /// `/v1/buckets`, `/v1/buckets/*` (no name) or `/v1/buckets/NAME`.
    case buckets(name: String?)
    case object(bucket: String, name: String)
    /// `/v1/daemon/...`, `/v1/cluster/...`: what follows, element by element.
    case daemon([String])
    case cluster([String])
    /// `/v1/reverse/...`: what follows, for another node.
    case reverse([String])
    case health
    /// `/v1/help/...`: what follows, element by element.
    case help([String])
    /// `/v1/openapi.json`: the API, for programs.
    case openAPI
    /// `/metrics`: what Prometheus reads; the one path without a version.
    case metrics
    /// `/v1/log/follow`: a target reads the log.
    case followLog
    /// `/v1/log/followers`: a proxy tells the primary how far its followers are.
    case logFollowers
    /// `/v1/raft/stream`: a member of the consensus group writes to another.
    case raftStream
    /// A resource of the contract that this build does not serve; its path.
    case unserved(String)

    /// - Parameter path: the raw path, without the query.
    /// - Throws: a failure that says what is wrong with the path, and which resources there are.
    package init(path: Substring) throws(Failure) {
        var rest = path
        let first = Self.element(&rest)
        guard first == "v1" else {
            guard let known = try Self.unversioned(first, rest) else {
                throw Failure(
                    .unknownResource, "no resource '\(path.excerpt)'",
                    next: "paths begin with /v1/, see \(Resource.names)")
            }
            self = known
            return
        }
        let name = Self.element(&rest)
        if let known = try Self.versioned(name, rest) {
            self = known
            return
        }
        // Letters that somebody has encoded are the same letters (RFC 3986 §6.2.2.2); hardly anybody does.
        guard let known = try Self.versioned(try Self.decoded(name)[...], rest) else {
            throw Failure(
                .unknownResource, "no resource '\(path.excerpt)'",
                next: "there are \(Resource.names)")
        }
        self = known
    }

    private static func unversioned(
        _ name: Substring, _ rest: Substring
    ) throws(Failure) -> Resource? {
        switch name {
        case "metrics":
            try end(rest)
            return .metrics
        // AIStore's door for S3, and the short paths of its later versions.
        case "s3", "ais", "gs", "az": return .unserved("/\(name)")
        default: return nil
        }
    }

    private static func versioned(
        _ name: Substring, _ rest: Substring
    ) throws(Failure) -> Resource? {
        switch name {
        case "objects": return try object(rest)
        case "buckets": return try bucket(rest)
        case "daemon": return .daemon(try elements(rest))
        case "cluster": return .cluster(try elements(rest))
        case "reverse": return .reverse(try elements(rest))
        case "health":
            try end(rest)
            return .health
        case "openapi.json":
            try end(rest)
            return .openAPI
        case "help": return .help(try elements(rest))
        case "log":
            return try choice(rest, ["follow": .followLog, "followers": .logFollowers])
        case "raft": return try choice(rest, ["stream": .raftStream])
        case "download", "etl", "sort", "query", "tokens", "notifs", "ic", "metasync",
            "vote", "txn", "xactions", "rebalance", "ec", "objstream", "ml":
            return .unserved("/v1/\(name)")
        default: return nil
        }
    }

    package static let names =
        "/v1/objects, /v1/buckets, /v1/daemon, /v1/cluster, /v1/reverse, /v1/health, /v1/help, "
        + "/v1/openapi.json, /metrics"

    private static func object(_ rest: Substring) throws(Failure) -> Resource {
        var rest = rest
        let bucket = try decoded(element(&rest))
        // What remains begins with the slash that ends the bucket's name; all behind it is the object's.
        guard !bucket.isEmpty else {
            throw Failure(.badPath, "no bucket in the path", next: "/v1/objects/BUCKET/OBJECT")
        }
        guard rest.utf8.count > 1 else {
            throw Failure(.badPath, "no object in the path", next: "/v1/objects/BUCKET/OBJECT")
        }
        return .object(bucket: bucket, name: try decoded(rest.dropFirst()))
    }

    private static func bucket(_ rest: Substring) throws(Failure) -> Resource {
        let elements = try elements(rest)
        guard elements.count <= 1 else {
            throw Failure(
                .badPath, "too many elements behind /v1/buckets", next: "/v1/buckets/BUCKET")
        }
        return .buckets(name: elements.first == "*" ? nil : elements.first)
    }

    private static func choice(
        _ rest: Substring, _ known: [String: Resource]
    ) throws(Failure) -> Resource {
        let elements = try elements(rest)
        guard elements.count == 1, let resource = known[elements[0]] else {
            throw Failure(
                .unknownResource, "no resource of this name", next: "there are \(Resource.names)")
        }
        return resource
    }

    private static func end(_ rest: Substring) throws(Failure) {
        guard try elements(rest).isEmpty else {
            throw Failure(
                .badPath, "the resource has no further elements",
                next: "leave out '\(rest.excerpt)'")
        }
    }

    private static func elements(_ rest: Substring) throws(Failure) -> [String] {
        var elements: [String] = []
        var rest = rest
        while true {
            let element = element(&rest)
            if element.isEmpty { return elements }
            elements.append(try decoded(element))
        }
    }

    private static func decoded(_ text: Substring) throws(Failure) -> String {
        guard let text = PercentCoding.decoded(text) else {
            throw Failure(
                .badPath, "the path does not decode to UTF-8 text",
                next: "write what is no letter or digit as %XX, from UTF-8")
        }
        return text
    }

    /// Takes the next element that is not empty, and leaves the slash behind it.
    private static func element(_ rest: inout Substring) -> Substring {
        var utf8 = rest.utf8[...]
        let slash = UInt8(ascii: "/")
        while utf8.first == slash { utf8 = utf8.dropFirst() }
        let end = utf8.firstIndex(of: slash) ?? utf8.endIndex
        let element = rest[utf8.startIndex..<end]
        rest = rest[end...]
        return element
    }
}
