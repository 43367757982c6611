import API
import Base
import Cluster
import Foundation
import HTTP
import Testing

/// A query is obeyed or refused by name; nothing in it is passed over (contract §3.4).
@Suite struct QueryCheckTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let request: String
        let code: FailureCode
        /// What the refusal has to name.
        let names: String
        var role = NodeRole.proxy

        init(
            _ request: String, _ code: FailureCode, _ names: String, at role: NodeRole = .proxy
        ) {
            self.request = request
            self.code = code
            self.names = names
            self.role = role
        }

        var testDescription: String { "\(request) at a \(role.text)" }
    }

    @Test(arguments: [
        Refusal("DELETE /v1/cluster/daemon/t1?dryrun=true", .unknownParameter, "dry_run"),
        Refusal("DELETE /v1/cluster/daemon/t1?dry-run=true", .unknownParameter, "dry_run"),
        Refusal("DELETE /v1/cluster/daemon/t1?Dry_Run=true", .unknownParameter, "dry_run"),
        Refusal("PUT /v1/cluster/proxy/p2?dry_run=yes&force=1", .unknownParameter, "'force'"),
        Refusal("POST /v1/cluster/decommission?dryrun=1", .unknownParameter, "no dry run"),
        Refusal("POST /v1/cluster/decommission?dry_run=1", .badQuery, "no dry run"),
        Refusal("POST /v1/buckets/b?bprovider=ais", .unknownParameter, "provider"),
        Refusal("POST /v1/buckets/b?provider=ais&=x", .unknownParameter, "''"),
        Refusal("PUT /v1/objects/b/o?append_type=append", .notImplemented, "append_type"),
        Refusal("PUT /v1/objects/b/o?object_to=x", .notImplemented, "object_to"),
        Refusal("PUT /v1/objects/b/o?appendy=append", .unknownParameter, "appendy"),
        Refusal("GET /v1/objects/b/o?uuid=etl", .notImplemented, "uuid", at: .target),
        Refusal("GET /v1/daemon?what=smap&what=bmd", .badQuery, "'what' twice"),
        Refusal(
            "GET /v1/daemon?what=smap&wait_version=1&wait_version=2", .badQuery, "wait_version"),
        Refusal("GET /v1/daemon?what=snode&wait_version=5", .unknownParameter, "wait_version"),
        Refusal("GET /v1/daemon?what=raft&consistency=stale", .unknownParameter, "consistency"),
        Refusal(
            "GET /v1/daemon?what=snode&wait_version=5", .unknownParameter, "wait_version",
            at: .target),
        Refusal("GET /v1/cluster?what=smap&since=zz", .unknownParameter, "since"),
        Refusal("GET /v1/cluster?what=watch&before=7", .unknownParameter, "before"),
        Refusal("GET /v1/cluster?what=raft", .unknownDocument, "/v1/daemon?what=raft"),
        Refusal("GET /v1/daemon?what=history", .unknownDocument, "/v1/cluster?what=history"),
        Refusal("GET /v1/daemon?what=mountpaths", .unknownDocument, "/v1/cluster?what=mountpaths"),
        Refusal("PUT /v1/cluster/setconfig?stats_time=1s&node=t1&node=t2", .badQuery, "node"),
        Refusal(
            "PUT /v1/cluster/setconfig?stats_time=1s&transient=1&transient=no", .badQuery,
            "transient"),
        Refusal("GET /v1/health?readyness=true", .unknownParameter, "readiness"),
        Refusal("GET /metrics?x", .unknownParameter, "'x'"),
    ])
    func `what an operation does not heed is refused by name`(_ row: Refusal) throws {
        do {
            try Self.check(row.request, at: row.role)
            Issue.record("\(row.request) is taken")
        } catch let failure as Failure {
            #expect(failure.code == row.code, "\(failure)")
            let text = "\(failure.message); \(failure.next ?? "")"
            #expect(text.contains(row.names), "\(text)")
        }
    }

    @Test(arguments: [
        "GET /v1/buckets/*?provider=ais&namespace=%40%23ml", "GET /v1/buckets?presence=0",
        "HEAD /v1/objects/b/o?check_cached=yes&pid=p1&utm=1&at=1-0-1-1&check_cached=true",
        "PUT /v1/daemon/proxy/p2?frc=true&can=http://127.0.0.1:8081",
        "DELETE /v1/cluster/daemon/t1?dry_run=false&dry_run=true",
        "GET /v1/daemon?what=smap&what=smap",
        "POST /v1/cluster/register?nel=true", "GET /v1/objects/b/o?latest-ver=false&uuid=",
        "PUT /v1/cluster/attach?what=remote&alias=http://127.0.0.1:1",
        "POST /v1/cluster/decommission?dry_run=false",
        "PUT /v1/cluster/resetconfig?stats_time&node=t1",
    ])
    func `what an operation heeds is taken`(_ request: String) throws {
        try Self.check(request, at: .proxy)
    }

    @Test func `every line of the help asks for what its operation heeds`() throws {
        for row in HelpRow.all where row.isServed {
            let role: NodeRole = row.recipient == .proxy ? .proxy : .target
            try Self.check("\(row.method) \(row.path)", at: role)
        }
    }

    @Test
    func
        `every parameter of the table is taken where it stands, and nowhere else unless it stands there`()
        throws
    {
        for role in NodeRole.allCases {
            for (path, methods) in try Self.paths(role) {
                for member in methods.members {
                    let (method, operation) = (member.key, member.value)
                    let names = Self.queryNames(operation)
                    let documents = Self.lists("x-parameters", of: operation)
                    for name in Self.allNames {
                        let whats = documents.isEmpty ? [nil] : documents.keys.sorted().map { $0 }
                        for what in whats {
                            let known = what.map { documents[$0, default: []] + ["what"] } ?? names
                            let request =
                                "\(method.uppercased()) \(path)?\(what.map { "what=\($0)&" } ?? "")\(name)="
                            // The document would be named twice.
                            if what != nil, name == "what" { continue }
                            var isTaken = true
                            do {
                                try Self.check(request, at: role)
                            } catch let failure as Failure where failure.code == .unknownParameter {
                                isTaken = false
                            }
                            let isListed =
                                known.contains(name)
                                || ["options", "aliases", "query"].contains { names.contains($0) }
                            #expect(isTaken == isListed, "\(request) at a \(role.text)")
                        }
                    }
                }
            }
        }
    }

    /// Whoever follows the documents is not refused.
    @Test func `every query that the documents show is understood`() throws {
        let root = String(#filePath.dropLast("/Tests/APITests/QueryCheckTests.swift".count))
        var count = 0
        for page in ["README.md", "ARCHITECTURE.md", "docs/operations.md", "docs/glossary.md"] {
            let bytes = try #require(FileManager.default.contents(atPath: "\(root)/\(page)"))
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                for rest in line.components(separatedBy: "/v1/").dropFirst() {
                    let target = rest.prefix { !" '\"`)|>,;".contains($0) }
                    guard target.contains("?"), !target.contains("…") else { continue }
                    count += 1
                    #expect(Self.isUnderstood("/v1/\(target)"), "\(page): /v1/\(target)")
                }
            }
        }
        #expect(count > 50)
    }

    /// Whether any node takes it with any method.
    private static func isUnderstood(_ target: String) -> Bool {
        ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"].contains { method in
            NodeRole.allCases.contains { (try? check("\(method) \(target)", at: $0)) != nil }
        }
    }

    @Test func `a key that is long is not repeated whole`() throws {
        let name = String(repeating: "é", count: 3_000)
        do {
            try Self.check("DELETE /v1/cluster/daemon/t1?\(name)=1", at: .proxy)
            Issue.record("it is taken")
        } catch let failure as Failure {
            #expect(failure.code == .unknownParameter && failure.message.utf8.count < 300)
            #expect(failure.message.contains("… (6000 bytes)"))
        }
    }

    @Test func `an earlier redirect's marks are replaced by those of the next one`() throws {
        let node = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 8083)))
        let location = Redirect.location(
            to: node, RequestTarget("/v1/objects/b/o?pid=p9&provider=ais&utm=1&at=0-0-0-0"),
            proxy: try #require(NodeID("p1")), time: Timestamp(nanoseconds: 7),
            position: "1-0-1-1")
        #expect(location.hasSuffix("/v1/objects/b/o?provider=ais&pid=p1&utm=7&at=1-0-1-1"))
    }

    // MARK: Actions

    @Test(arguments: [
        ("shutdown", "transient=true"), ("startmaintenance", "node=t1"), ("start", "frc=true"),
        ("batch", "transient=1"), ("setconfig", "frc=1"),
    ])
    func `an action refuses what only others of its operation heed`(
        _ action: String, _ query: String
    ) throws {
        let message = try ActionMessage(decoding: Array(#"{"action":"\#(action)"}"#.utf8))
        #expect(
            PathTests.code { try Route.action(of: message, on: .clusterAction, Query(query[...])) }
                == .badQuery)
        _ = try Route.action(of: message, on: .clusterAction, Query("dry_run=true"))
    }

    // MARK: Support

    private static func check(_ request: String, at role: NodeRole) throws {
        let words = request.split(separator: " ")
        let target = RequestTarget(String(words[1]))
        let method = Method(String(words[0]))
        let match = try Route.match(method, try Resource(path: target.path), at: role)
        try match.check(target.query, method)
    }

    private static let allNames = [
        "provider", "namespace", "pid", "utm", "at", "what", "dryrun", "consistency",
        "wait_version", "timeout",
        "version", "diff", "frc", "can", "candidate", "override", "token", "nel", "transient",
        "node", "request_id",
        "since", "of", "before", "limit", "after", "lifetime", "severity", "offset", "name", "cii",
        "readiness", "presence",
        "sln", "uuid", "appendty", "handle", "nonsense",
    ]

    private static func paths(_ role: NodeRole) throws -> [(String, JSONObject)] {
        guard case .object(let root) = try JSONValue(parsing: OpenAPI.document(for: role)),
            case .object(let paths) = root["paths"]
        else { return [] }
        return paths.members.compactMap { member in
            guard case .object(let methods) = member.value else { return nil }
            return (member.key, methods)
        }
    }

    private static func queryNames(_ operation: JSONValue) -> [String] {
        guard case .object(let object) = operation,
            case .array(let parameters)? = object["parameters"]
        else { return [] }
        return parameters.compactMap { parameter in
            guard case .object(let object) = parameter, object["in"]?.string == "query" else {
                return nil
            }
            return object["name"]?.string
        }
    }

    private static func lists(_ key: String, of operation: JSONValue) -> [String: [String]] {
        guard case .object(let object) = operation, case .object(let lists)? = object[key] else {
            return [:]
        }
        var result: [String: [String]] = [:]
        for member in lists.members {
            guard case .array(let items) = member.value else { continue }
            result[member.key] = items.compactMap(\.string)
        }
        return result
    }
}
