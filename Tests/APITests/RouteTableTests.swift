import API
import Cluster
import HTTP
import Testing

/// The table of routes, and what is made of it.
@Suite struct RouteTableTests {
    @Test func `every operation that handlers know is in the table`() {
        for name in Route.Name.allCases {
            #expect(Route.all.contains { $0.name == name }, "\(name)")
        }
    }

    @Test func `every path of the table leads to its route, at the nodes that serve it`() throws {
        for route in Route.all {
            for path in route.paths {
                let resource = try Resource(path: path[...])
                for (role, method) in route.roles.flatMap({ role in
                    route.methods.map { (role, $0) }
                }) {
                    let match = try Route.match(method, resource, at: role)
                    #expect(match.name == route.name, "\(method.name) \(path)")
                    let braces = path.split(separator: "/").filter { $0.hasPrefix("{") }
                    #expect(match.values == braces.map { String($0) })
                }
            }
        }
    }

    @Test func `no two routes of a node are one request`() {
        for role in NodeRole.allCases {
            var seen: Set<String> = []
            for route in Route.all where route.roles.contains(role) {
                for request in route.methods.flatMap({ method in
                    route.paths.map { "\(method.name) \($0)" }
                }) {
                    #expect(seen.insert(request).inserted, "\(request) at a \(role.text)")
                }
            }
        }
    }

    @Test func `what redirects do not look up is what the table says of objects`() throws {
        let methods = Route.all.filter { $0.paths == ["/v1/objects/{bucket}/{object}"] }
            .flatMap(\.methods)
        for method in [Method.get, .head, .put, .post, .delete, .patch, .options, .other("X")] {
            let isTaken = (try? Route.checkObject(method, .empty)) != nil
            #expect(isTaken == methods.contains(method), "\(method.name)")
        }
    }

    @Test(arguments: [
        (Method.patch, "/v1/daemon", NodeRole.proxy, FailureCode.methodNotAllowed),
        (.get, "/v1/daemon/x", .proxy, .unknownResource),
        (.put, "/v1/cluster/x", .proxy, .unknownResource),
        (.get, "/v1/cluster", .target, .unknownResource),
        (.post, "/v1/daemon/mountpaths", .proxy, .unknownResource),
        (.get, "/v1/daemon/mountpaths", .target, .methodNotAllowed),
        (.get, "/v1/download", .proxy, .notImplemented), (.get, "/s3/b", .target, .notImplemented),
        (.put, "/v1/cluster/load-x509", .proxy, .notImplemented),
        (.put, "/v1/cluster/load-x509/t1", .proxy, .notImplemented),
        (.put, "/v1/cluster/enable-bend/aws", .target, .notImplemented),
        (.delete, "/v1/daemon/unregister", .target, .notImplemented),
        (.put, "/v1/cluster/proxy/p1/p2", .proxy, .unknownResource),
    ]) func `what is not in the table is refused`(
        _ row: (method: Method, path: String, role: NodeRole, code: FailureCode)
    ) throws {
        let resource = try Resource(path: row.path[...])
        do {
            let match = try Route.match(row.method, resource, at: row.role)
            Issue.record("\(row.method.name) \(row.path) is \(match.name)")
        } catch {
            #expect(error.code == row.code, "\(row.method.name) \(row.path)")
        }
    }

    /// Nodes among themselves aside; but joining is rehearsed as well.
    @Test func `every change of the control plane can be rehearsed`() {
        for route in Route.all where route.effect != .reads {
            let changes = route.methods.contains { $0 != .get && $0 != .head }
            let isServed = route.acts.isEmpty || route.acts.contains(where: \.isServed)
            let isOfObjects = route.paths.contains("/v1/objects/{bucket}/{object}")
            // Other clusters cannot be attached in this version.
            let isOfRemotes = route.name == .attachRemote || route.name == .detachRemote
            guard changes, isServed, !isOfObjects, !isOfRemotes else { continue }
            let canBe = route.parameters.contains { $0.name == QueryName.dryRun }
            #expect(canBe == (route.effect != .between || route.name == .join), "\(route.name)")
        }
    }

    // MARK: The contract's rows

    @Test func `rows of the contract are lines of the help, and lines are routes`() throws {
        let questions =
            NodeQuestion.allCases.flatMap(\.rows) + ClusterQuestion.allCases.flatMap(\.rows)
        let rows = Set(Route.all.flatMap(\.rows))
        for row in HelpRow.all where row.id.hasPrefix("A") {
            #expect(rows.contains(row.id) == Self.isInTable(row), "\(row.id)")
        }
        #expect(
            Set(questions) == Set(HelpRow.all.map(\.id).filter { $0.hasPrefix("Q") }))
        #expect(rows.subtracting(HelpRow.all.map(\.id)).isEmpty)
    }

    private static func isInTable(_ row: HelpRow) -> Bool {
        let role: NodeRole = row.recipient == .proxy ? .proxy : .target
        guard let resource = try? Resource(path: RequestTarget(row.path).path),
            let match = try? Route.match(Method(row.method), resource, at: role)
        else { return false }
        return match.route.rows.contains(row.id)
    }

    // MARK: OpenAPI

    @Test(arguments: NodeRole.allCases)
    func `the OpenAPI document refers to what is in it, and to each operation once`(
        role: NodeRole
    ) throws {
        let document = try JSONValue(parsing: OpenAPI.document(for: role))
        guard case .object(let root) = document, case .object(let components) = root["components"],
            case .object(let schemas) = components["schemas"]
        else {
            Issue.record("not the shape of a document")
            return
        }
        let names = Set(schemas.members.map { "#/components/schemas/\($0.key)" })
        let references = Self.texts(of: "$ref", in: document)
        #expect(!references.isEmpty && Set(references).subtracting(names).isEmpty)
        let ids = Self.texts(of: "operationId", in: document)
        #expect(ids.count == Set(ids).count && ids.count > 20)
        guard case .object(let paths) = root["paths"] else {
            Issue.record("no paths")
            return
        }
        let expected = Route.all.filter { $0.roles.contains(role) }.flatMap(\.paths)
        #expect(Set(paths.members.map(\.key)) == Set(expected))
    }

    private static func texts(of key: String, in value: JSONValue) -> [String] {
        switch value {
        case .object(let object):
            object.members.flatMap { member in
                (member.key == key ? member.value.string.map { [$0] } ?? [] : [])
                    + texts(of: key, in: member.value)
            }
        case .array(let elements): elements.flatMap { texts(of: key, in: $0) }
        default: []
        }
    }
}
