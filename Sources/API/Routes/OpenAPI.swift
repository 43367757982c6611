package import Cluster
import HTTP

/// The OpenAPI 3.1 document of one kind of node, written from ``Route/all``.
///
/// What OpenAPI cannot say stands beside it under names that begin with `x-`: the failure codes of each status, the rows of the
/// contract, which document each `what=` is, and what an operation does to the cluster.
package enum OpenAPI {
    package static let version = "3.1.0"

    /// The document, with a newline behind it. It never changes while a process runs, so it is made once.
    package static func document(for role: NodeRole) -> [UInt8] {
        role == .proxy ? ofProxies : ofTargets
    }

    private static let ofProxies = encoded(.proxy)
    private static let ofTargets = encoded(.target)

    private static func encoded(_ role: NodeRole) -> [UInt8] {
        var json = JSONWriter(capacity: 256 << 10)
        json.object { json in
            json.member("openapi", version)
            json.key("info")
            json.object { json in
                json.member("title", "Martlet, \(role.text)")
                json.member("version", "v1")
                json.member(
                    "description",
                    "AIStore 3.3's REST API and what Martlet adds. GET /v1/help shows curl lines.")
            }
            json.key("servers")
            json.array { json in json.object { $0.member("url", "/") } }
            json.key("paths")
            json.object { json in paths(role, &json) }
            json.key("components")
            json.object { json in
                json.key("schemas")
                json.object { json in
                    for name in SchemaName.allCases {
                        json.key(name.rawValue)
                        json.value(name.schema)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }

    // MARK: Paths

    private static func paths(_ role: NodeRole, _ json: inout JSONWriter) {
        let routes = Route.all.filter { $0.roles.contains(role) }
        var paths: [String] = []
        for path in routes.flatMap(\.paths) where !paths.contains(path) { paths.append(path) }
        for path in paths {
            json.key(path)
            json.object { json in
                for route in routes where route.paths.contains(path) {
                    for method in route.methods {
                        json.key(method.name.lowercased())
                        json.operation(route, method, path, role)
                    }
                }
            }
        }
    }
}

extension Route {
    /// Of a path with several spellings each is an operation.
    fileprivate func operationID(_ method: Method, _ path: String) -> String {
        var id = name.rawValue
        let isOneOfSeveral = Route.all.filter { $0.name == name }.flatMap(\.methods).count > 1
        if isOneOfSeveral { id += ".\(method.name.lowercased())" }
        if let place = paths.firstIndex(of: path), place > 0 { id += ".\(place)" }
        return id
    }

    /// Every answer at a node of that role: the documents of `what=` are the answers of their routes.
    func answers(at role: NodeRole) -> [Answer] {
        var schemas: [SchemaName?] = []
        switch name {
        case .daemon:
            schemas = NodeQuestion.allCases.filter { $0.roles.contains(role) }
                .map { $0.schema(at: role) }
        case .cluster: schemas = ClusterQuestion.allCases.map(\.schema)
        default: return answers
        }
        var names: [SchemaName] = []
        for case let name? in schemas + [.difference, .requestFate] where !names.contains(name) {
            names.append(name)
        }
        return [Answer(.ok, .json(.choice(names.map { .component($0) })), .text, .bytes, .empty)]
    }

    /// The failures by their statuses, in order.
    func failures(at method: Method) -> [(status: Int, codes: [FailureCode])] {
        var codes = FailureCode.anyRequest
        for code in failures where !codes.contains(code) { codes.append(code) }
        let statuses = Set(codes.map(\.status) + FailureCode.transportStatuses)
        return statuses.sorted().map { status in
            let own = codes.filter { $0.status == status }
            return (status, own.isEmpty ? [.badRequest] : own)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func operation(
        _ route: Route, _ method: Method, _ path: String, _ role: NodeRole
    ) {
        object { json in
            json.member("operationId", route.operationID(method, path))
            json.member("summary", route.summary)
            json.key("tags")
            json.array { json in json.value(path.split(separator: "/").dropFirst().first ?? "v1") }
            json.member("x-effect", route.effect.rawValue)
            if !route.rows.isEmpty {
                json.key("x-rows")
                json.array { json in for row in route.rows { json.value(row) } }
            }
            json.documents(of: route, role)
            json.heeded(by: route, role)
            json.key("parameters")
            json.array { json in json.parameters(of: route, method, path, role) }
            json.body(of: route, role)
            json.key("responses")
            json.object { json in json.responses(of: route, method, role) }
        }
    }

    private mutating func value(_ text: Substring) { value(String(text)) }

    /// Which document each `what=` is.
    private mutating func documents(of route: Route, _ role: NodeRole) {
        var documents: [(String, SchemaName?)] = []
        switch route.name {
        case .daemon:
            documents = NodeQuestion.allCases.filter { $0.roles.contains(role) }
                .map { ($0.rawValue, $0.schema(at: role)) }
        case .cluster: documents = ClusterQuestion.allCases.map { ($0.rawValue, $0.schema) }
        default: return
        }
        key("x-documents")
        object { json in
            for (word, schema) in documents {
                json.key(word)
                if let schema {
                    json.value("#/components/schemas/\(schema.rawValue)")
                } else {
                    json.null()
                }
            }
        }
    }

    /// Which parameters go with which document, and with which action; the others are refused.
    private mutating func heeded(by route: Route, _ role: NodeRole) {
        var documents: [(String, [Parameter])] = []
        switch route.name {
        case .daemon:
            documents = NodeQuestion.allCases.filter { $0.roles.contains(role) }
                .map { ($0.rawValue, $0.parameters) }
        case .cluster: documents = ClusterQuestion.allCases.map { ($0.rawValue, $0.parameters) }
        default: break
        }
        if !documents.isEmpty {
            key("x-parameters")
            object { json in
                for (word, parameters) in documents { json.member(word, parameters.map(\.name)) }
            }
        }
        let acts = route.acts.filter { $0.isServed && $0.roles.contains(role) && $0.query != nil }
        guard !acts.isEmpty else { return }
        key("x-actions")
        object { json in
            for act in acts {
                for word in act.action.spellings { json.member(word, act.query ?? []) }
            }
        }
    }

    // MARK: Requests

    private mutating func parameters(
        of route: Route, _ method: Method, _ path: String, _ role: NodeRole
    ) {
        let isChange =
            method != .get && method != .head && route.effect != .between
            && route.failures.contains(.outcomeUnknown)
        let elements = path.split(separator: "/").filter { $0.hasPrefix("{") }
            .map { Parameter.element(String($0.dropFirst().dropLast())) }
        for parameter in elements + route.parameters(at: role)
            + (isChange ? Parameter.ofChanges : [])
        {
            object { json in
                json.member("name", parameter.name)
                json.member("in", parameter.place.rawValue)
                json.member("description", parameter.summary)
                if parameter.isRequired { json.member("required", true) }
                if parameter.isExploded {
                    json.member("style", "form")
                    json.member("explode", true)
                }
                json.key("schema")
                json.value(parameter.schema)
            }
        }
    }

    private mutating func body(of route: Route, _ role: NodeRole) {
        switch route.body {
        case .none: return
        case .action: requestBody(isRequired: true) { $0.message(of: route, role) }
        case .optionalAction: requestBody(isRequired: false) { $0.message(of: route, role) }
        case .json(let name): requestBody(isRequired: true) { $0.value(.component(name)) }
        case .optionalJSON(let name): requestBody(isRequired: false) { $0.value(.component(name)) }
        case .bytes:
            key("requestBody")
            object { json in
                json.key("content")
                json.object { json in
                    json.key("application/octet-stream")
                    json.object { json in
                        json.key("schema")
                        json.object { _ in }
                    }
                }
            }
        }
    }

    private mutating func requestBody(
        isRequired: Bool, _ schema: (inout JSONWriter) -> Void
    ) {
        key("requestBody")
        object { json in
            json.member("required", isRequired)
            json.key("content")
            json.object { json in
                json.key("application/json")
                json.object { json in
                    json.key("schema")
                    schema(&json)
                }
            }
        }
    }

    /// One shape for each action that is served, in both of AIStore's spellings.
    private mutating func message(of route: Route, _ role: NodeRole) {
        let served = route.acts.filter { $0.isServed && $0.roles.contains(role) }
        guard !served.isEmpty else {
            value(.members(["action": .words(route.acts.flatMap { $0.action.spellings })]))
            return
        }
        value(.choice(served.map(\.message)))
    }

    // MARK: Answers

    private mutating func responses(of route: Route, _ method: Method, _ role: NodeRole) {
        for answer in route.answers(at: role) {
            key(String(answer.status.rawValue))
            object { json in
                json.member("description", answer.summary)
                guard method != .head else { return }
                json.content(answer.contents)
            }
        }
        for (status, codes) in route.failures(at: method) {
            key(String(status))
            object { json in
                json.member("description", codes.map(\.rawValue).joined(separator: ", "))
                json.key("x-codes")
                json.array { json in for code in codes { json.value(code.rawValue) } }
                guard method != .head else { return }
                json.content([.json(.component(.failure))])
            }
        }
    }

    private mutating func content(_ contents: [Route.Answer.Content]) {
        let isEmptyAtTimes = contents.contains { if case .empty = $0 { true } else { false } }
        if isEmptyAtTimes { member("x-may-be-empty", true) }
        guard !isEmptyAtTimes || contents.count > 1 else { return }
        key("content")
        object { json in
            for content in contents {
                switch content {
                case .empty: break
                case .json(let schema):
                    json.key("application/json")
                    json.object { json in
                        json.key("schema")
                        json.value(schema)
                    }
                case .text: json.plain("text/plain")
                case .html: json.plain("text/html")
                case .bytes: json.plain("application/octet-stream")
                }
            }
        }
    }

    private mutating func plain(_ type: String) {
        key(type)
        object { json in
            json.key("schema")
            json.value(type == "application/octet-stream" ? Schema.any : .text)
        }
    }
}

extension Route.Act {
    /// The message that asks for it.
    fileprivate var message: Schema {
        var required = [Schema.Member(name: "action", schema: .words(action.spellings))]
        var optional: [Schema.Member] = []
        if let value {
            let member = Schema.Member(name: "value", schema: value)
            if needsValue { required.append(member) } else { optional.append(member) }
        }
        if takesName { optional.append(Schema.Member(name: "name", schema: .text)) }
        return .object(required: required, optional: optional, isOpen: true)
    }
}
