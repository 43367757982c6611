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
        case .health: ["v1", "health"]
        case .help(let rest): ["v1", "help"] + rest
        case .openAPI: ["v1", "openapi.json"]
        case .metrics: ["metrics"]
        case .followLog: ["v1", "log", "follow"]
        case .logFollowers: ["v1", "log", "followers"]
        case .raftStream: ["v1", "raft", "stream"]
        case .unserved(let name): ["v1", name]
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

        package var name: Name { route.name }

        /// Refuses a rehearsal of what cannot be rehearsed: who asks for one wants nothing to happen.
        package func checkDryRun(_ query: Query, _ method: Method) throws(Failure) {
            guard method != .get, method != .head,
                !route.parameters.contains(where: { $0.name == QueryName.dryRun }),
                try query.flag(QueryName.dryRun)
            else { return }
            throw Failure(
                .badQuery, "\(method.name) \(path) has no dry run; nothing was done",
                next: "leave out \(QueryName.dryRun)")
        }

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
        if case .unserved(let name) = resource {
            throw Failure(.notImplemented, "/v1/\(name) is not served by this build")
        }
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
                return Match(route: pattern.route, path: pattern.path, values: values)
            }
            allowed += pattern.route.methods
        }
        guard allowed.isEmpty else { throw .methodNotAllowed(method, allowed) }
        let path = "/" + elements.joined(separator: "/")
        guard !isElsewhere else {
            throw Failure(
                .unknownResource, "a \(role.text) does not serve \(path)",
                next: role == .proxy
                    ? "ask the target itself: GET /v1/daemon?what=smap lists targets"
                    : "ask a proxy of the cluster")
        }
        throw Failure(
            .unknownResource, "no resource '\(path)'", next: "GET /v1/openapi.json lists them")
    }

    /// Redirects and warm reads do not look the table up: for them this one question is answered without it.
    package static func checkObject(_ method: Method) throws(Failure) {
        switch method {
        case .get, .head, .put, .delete, .post: return
        case .patch, .options, .other:
            throw .methodNotAllowed(method, [.get, .head, .put, .delete, .post])
        }
    }

    /// What the paths of the table are, taken apart once. A class, because every request looks through them.
    private final class Pattern: Sendable {
        let route: Route
        let path: String
        let elements: [String]

        init(route: Route, path: String) {
            (self.route, self.path) = (route, path)
            elements = path.split(separator: "/").map { String($0) }
        }

        /// - Returns: what stands in place of the braces; `nil` for another path.
        func values(_ path: [String]) -> [String]? {
            guard path.count == elements.count else { return nil }
            var values: [String] = []
            for (element, wanted) in zip(path, elements) {
                if wanted.hasPrefix("{") {
                    values.append(element)
                } else {
                    guard element == wanted else { return nil }
                }
            }
            return values
        }
    }

    private static let patterns: [Pattern] = all.flatMap { route in
        route.paths.map { Pattern(route: route, path: $0) }
    }
}

extension Failure {
    package static func methodNotAllowed(_ method: Method, _ allowed: [Method]) -> Failure {
        var failure = Failure(
            .methodNotAllowed, "invalid method \(method.name)",
            next: "use \(allowed.map(\.name).joined(separator: ", "))")
        failure.allowedMethods = allowed.map(\.name)
        return failure
    }
}
