import Base
package import Cluster
package import HTTP

extension Resource {
    /// The path's elements; an object's name is one.
    fileprivate var elements: [String] {
        switch self {
        case .buckets(let name): ["v1", "buckets"] + (name.map { [$0] } ?? [])
        case .object(let bucket, let name): ["v1", "objects", bucket, name]
        case .daemon(let rest): ["v1", "daemon"] + rest
        case .cluster(let rest): ["v1", "cluster"] + rest
        case .reverse(let rest): ["v1", "reverse"] + rest
        case .health: ["v1", "health"]
        case .help(let rest): ["v1", "help"] + rest
        case .openAPI: ["v1", "openapi.json"]
        case .metrics: ["metrics"]
        case .followLog: ["v1", "log", "follow"]
        case .logFollowers: ["v1", "log", "followers"]
        case .raftStream: ["v1", "raft", "stream"]
        case .unserved(let path): [path]
        }
    }
}

extension Route {
    /// A request that the table has, and what stood in place of the braces.
    package struct Match: Sendable {
        package let route: Route
        /// The spelling of the path that it has, with the braces.
        package let path: String
        package let values: [String]
        /// Of the node that is asked.
        package let role: NodeRole

        package var name: Name { route.name }

        /// What is answered by a handler that the table never sends such a request to.
        package var stray: Failure {
            Failure(.internalError, "the table sends '\(name)' to the wrong kind of node")
        }
    }

    /// The operation that a request asks a node of that role for.
    ///
    /// - Throws: a failure that says whether the path, the method or the node is the wrong one.
    package static func match(
        _ method: Method, _ resource: Resource, at role: NodeRole
    ) throws(Failure) -> Match {
        if case .unserved(let path) = resource { throw .unserved(path) }
        let elements = resource.elements
        var allowed: [Method] = []
        var isElsewhere = false
        for pattern in patterns {
            guard let values = pattern.values(elements) else { continue }
            guard pattern.route.roles.contains(role) else {
                isElsewhere = true
                continue
            }
            if pattern.route.methods.contains(method) {
                return Match(
                    route: pattern.route, path: pattern.path, values: values, role: role)
            }
            allowed += pattern.route.methods
        }
        guard allowed.isEmpty else { throw .methodNotAllowed(method, allowed) }
        let path = "/" + elements.joined(separator: "/")
        guard !isElsewhere else {
            throw Failure(
                .unknownResource, "a \(role.text) does not serve \(path.excerpt)",
                next: role == .proxy
                    ? "ask the target itself: GET /v1/daemon?what=smap lists targets"
                    : "ask a proxy of the cluster")
        }
        if elements.count > 2, unserved.contains(elements[1] + "/" + elements[2]) {
            throw .unserved(path)
        }
        throw Failure(
            .unknownResource, "no resource '\(path.excerpt)'",
            next: "GET /v1/openapi.json lists them")
    }

    /// What AIStore has below these two: of its later versions, and what its nodes tell each other.
    private static let unserved: Set = [
        "cluster/load-x509", "cluster/enable-bend", "cluster/disable-bend", "daemon/syncsmap",
        "daemon/register", "daemon/unregister", "daemon/attach", "daemon/detach",
    ]

    /// Redirects do not look the table up: for them these questions, of method and query, are answered without it.
    package static func checkObject(_ method: Method, _ query: Query) throws(Failure) {
        switch method {
        case .get, .head, .put, .delete, .post: break
        case .patch, .options, .other:
            throw .methodNotAllowed(method, [.get, .head, .put, .delete, .post])
        }
        guard !query.text.isEmpty else { return }
        for route in objects where route.methods.contains(method) {
            try route.check(query, method, at: .proxy)
        }
    }

    /// What the paths of the table are, taken apart once. A class, because every request looks through them.
    private final class Pattern: Sendable {
        let route: Route
        let path: String
        /// `nil` for what stands in braces.
        let elements: [String?]

        init(route: Route, path: String) {
            (self.route, self.path) = (route, path)
            elements = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
        }

        /// - Returns: what stands in place of the braces; `nil` for another path.
        func values(_ path: [String]) -> [String]? {
            guard path.count == elements.count else { return nil }
            for (element, wanted) in zip(path, elements) {
                if let wanted, element != wanted { return nil }
            }
            return zip(path, elements).compactMap { $1 == nil ? $0 : nil }
        }
    }

    private static let patterns: [Pattern] = all.flatMap { route in
        route.paths.map { Pattern(route: route, path: $0) }
    }
}

extension Failure {
    fileprivate static func unserved(_ path: String) -> Failure {
        Failure(
            .notImplemented, "\(path.excerpt) is not served by this build",
            next: "GET /v1/help shows which operations are")
    }

    package static func methodNotAllowed(_ method: Method, _ allowed: [Method]) -> Failure {
        var failure = Failure(
            .methodNotAllowed, "invalid method \(method.name)",
            next: "use \(allowed.map(\.name).joined(separator: ", "))")
        failure.allowedMethods = allowed.map(\.name)
        return failure
    }
}
