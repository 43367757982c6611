import API
import Base
import Cluster
import HTTP
import Testing

@testable import Proxy

/// What one proxy answers: statuses, codes, redirects.
@Suite(.serialized) struct RouteTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let method: HTTP.Method
        let path: String
        let body: String
        let status: Int
        let code: FailureCode?

        init(
            _ method: HTTP.Method, _ path: String, _ status: Int, _ code: FailureCode? = nil
        ) {
            self.init(method, path, "", status, code)
        }

        init(
            _ method: HTTP.Method, _ path: String, _ body: String, _ status: Int,
            _ code: FailureCode? = nil
        ) {
            self.method = method
            self.path = path
            self.body = body
            self.status = status
            self.code = code
        }

        var testDescription: String { "\(method.name) \(path) \(body) -> \(status)" }
    }

    private static let rows: [Row] = [
        Row(.get, "/v1/health", 200),
        Row(.get, "/v1/health?readiness=true", 200),
        Row(.get, "/v1/health?cii=true", 200),
        Row(.get, "/v1/health?readiness=maybe", 400, .badQuery),
        Row(.post, "/v1/health", 400, .methodNotAllowed),
        Row(.get, "/", 400, .unknownResource),
        Row(.get, "/v2/buckets", 400, .unknownResource),
        Row(.get, "/v1/nonsense", 400, .unknownResource),
        Row(.get, "/v1/download", 501, .notImplemented),
        Row(.put, "/v1/buckets/a", 400, .methodNotAllowed),
        Row(.other("BREW"), "/v1/buckets/a", 400, .methodNotAllowed),
        Row(.get, "/v1/buckets", 200),
        Row(.get, "/v1/buckets/", 200),
        Row(.get, "/v1/buckets/*?provider=ais&namespace=@%23ml", 200),
        Row(.get, "/v1/buckets/*?provider=nonsense", 400, .badProvider),
        Row(.get, "/v1/buckets/*?consistency=maybe", 400, .badQuery),
        Row(.get, "/v1/buckets/there", 400, .badPath),
        Row(.get, "/v1/buckets/a/b", 400, .badPath),
        Row(.head, "/v1/buckets/there", 200),
        Row(.post, "/v1/buckets/there", "", 400, .badJSON),
        Row(.post, "/v1/buckets/there", "{", 400, .badJSON),
        Row(.post, "/v1/buckets/there", #"{"action":"nonsense"}"#, 400, .unknownAction),
        Row(.post, "/v1/buckets/there", #"{"action":"createlb"}"#, 409, .bucketExists),
        Row(.post, "/v1/buckets/there", #"{"action":"create-bck"}"#, 409, .bucketExists),
        Row(.post, "/v1/buckets/a..b", #"{"action":"createlb"}"#, 400, .badBucketName),
        Row(.post, "/v1/buckets/a%2Fb", #"{"action":"createlb"}"#, 400, .badBucketName),
        Row(.post, "/v1/buckets/x?provider=aws", #"{"action":"createlb"}"#, 400, .badProvider),
        Row(
            .post, "/v1/buckets/x", #"{"action":"createlb","value":{"unknown":1}}"#, 400, .badValue),
        Row(
            .post, "/v1/buckets/x", #"{"action":"createlb","value":{"mirror":{"enabled":true}}}"#,
            501, .notImplemented),
        Row(
            .post, "/v1/buckets/x", #"{"action":"createlb","value":{"checksum":{"type":"md5"}}}"#,
            501, .notImplemented),
        Row(.post, "/v1/buckets/there", #"{"action":"copybck"}"#, 501, .notImplemented),
        Row(.post, "/v1/buckets/none", #"{"action":"listobj"}"#, 404, .bucketNotFound),
        Row(.post, "/v1/buckets/there", #"{"action":"listobj"}"#, 503, .noTargets),
        Row(
            .post, "/v1/buckets/there", #"{"action":"listobj","value":{"unknown":1}}"#, 400,
            .badValue),
        Row(.delete, "/v1/buckets/none", #"{"action":"destroylb"}"#, 404, .bucketNotFound),
        Row(.delete, "/v1/buckets/there", "", 400, .badJSON),
        Row(.delete, "/v1/buckets/there", #"{"action":"evictcb"}"#, 400, .badRequest),
        Row(.patch, "/v1/buckets/there", #"{"action":"setbprops"}"#, 501, .notImplemented),
        Row(.get, "/v1/objects/there", 400, .badPath),
        Row(.get, "/v1/objects/there/", 400, .badPath),
        Row(.get, "/v1/objects/none/o", 404, .bucketNotFound),
        Row(.get, "/v1/objects/there/o", 503, .noTargets),
        Row(.get, "/v1/objects/there/a/../b", 400, .badObjectName),
        Row(.patch, "/v1/objects/there/o", 400, .methodNotAllowed),
        Row(.get, "/v1/daemon?what=smap", 200),
        Row(.get, "/v1/daemon?what=bmd", 200),
        Row(.get, "/v1/daemon?what=bucketmd", 200),
        Row(.get, "/v1/daemon?what=snode", 200),
        Row(.get, "/v1/daemon?what=raft", 200),
        Row(.get, "/v1/daemon?what=nonsense", 400, .unknownDocument),
        Row(.get, "/v1/daemon?what=stats", 200),
        Row(.get, "/v1/daemon?what=node_stats", 200),
        Row(.get, "/v1/daemon?what=status", 200),
        Row(.get, "/v1/daemon?what=node_status", 200),
        Row(.get, "/v1/daemon?what=sysinfo", 200),
        Row(.get, "/v1/daemon?what=smapvote", 200),
        Row(.get, "/v1/daemon?what=log", 200),
        Row(.get, "/v1/daemon?what=log&severity=much", 400, .badQuery),
        Row(.get, "/v1/daemon?what=disk", 400, .unknownDocument),
        Row(.get, "/v1/daemon?what=mountpaths", 400, .unknownDocument),
        Row(.get, "/v1/daemon?what=smap&wait_version=x", 400, .badQuery),
        Row(.get, "/v1/daemon?what=smap&wait_version=1&timeout=1d", 400, .badQuery),
        Row(.get, "/v1/daemon?what=smap&wait_version=99&timeout=0", 504, .deadlineExceeded),
        Row(.get, "/metrics", 200),
        Row(.post, "/metrics", 400, .methodNotAllowed),
        Row(.get, "/metrics/all", 400, .badPath),
        Row(.get, "/v1/daemon", 400, .unknownDocument),
        Row(.get, "/v1/daemon?what=remote", 200),
        Row(.get, "/v1/daemon?what=tls_certificate", 501, .notImplemented),
        Row(.get, "/v1/cluster?what=backends", 501, .notImplemented),
        Row(.get, "/v1/daemon?what=qryxstats", 400, .unknownDocument),
        Row(.get, "/v1/daemon/x?what=smap", 400, .unknownResource),
        Row(.get, "/v1/openapi.json", 200),
        Row(.post, "/v1/openapi.json", 400, .methodNotAllowed),
        Row(.get, "/v1/cluster?what=remote", 200),
        Row(.put, "/v1/cluster/attach?what=remote&x=http://127.0.0.1:1", 501, .notImplemented),
        Row(.put, "/v1/cluster/nonsense", 400, .unknownResource),
        Row(.put, "/v1/daemon", "{}", 400, .unknownAction),
        Row(.get, "/v1/cluster?what=smap", 200),
        Row(.get, "/v1/cluster?what=snode", 200),
        Row(.get, "/v1/cluster?what=stats", 200),
        Row(.get, "/v1/cluster?what=node_stats", 200),
        Row(.get, "/v1/cluster?what=sysinfo", 200),
        Row(.get, "/v1/cluster?what=mountpaths", 200),
        Row(.get, "/v1/cluster?what=target_ips", 200),
        Row(.get, "/v1/cluster", 400, .unknownDocument),
        Row(.post, "/v1/cluster/autoreg", "{}", 400, .badNode),
        Row(.post, "/v1/cluster/autoreg", "nonsense", 400, .badJSON),
        Row(.get, "/v1/log/follow", 400, .methodNotAllowed),
        Row(.post, "/v1/log/follow", 400, .badNode),
        Row(.post, "/v1/log/follow?node=t1&after=x", 400, .badPosition),
        Row(.post, "/v1/log/followers", "{}", 400, .badBody),
        Row(.post, "/v1/raft/stream", "nonsense-nonsense", 400, .badBody),
        Row(.get, "/v1/raft/stream", 400, .methodNotAllowed),
    ]

    @Test func `every request has its status and its code`() async throws {
        try await TestProxies.with(1) { proxies in
            #expect(try await proxies.create("there", through: 1).status == 200)
            for row in Self.rows {
                let reply = try await proxies.ask(1, row.method, row.path, row.body)
                #expect(reply.status == row.status, "\(row.testDescription): \(reply.text)")
                if row.method == .head { continue }
                #expect(reply.failure?.code == row.code, "\(row.testDescription): \(reply.text)")
                guard let failure = reply.failure else { continue }
                #expect(failure.status == row.status && failure.node == "p1")
                #expect(failure.method == row.method.name, "\(reply.text)")
                #expect(failure.remoteAddress.hasPrefix("127.0.0.1:"), "\(reply.text)")
                #expect(failure.mapVersion != nil && !failure.message.isEmpty)
                #expect(reply.text.hasSuffix("}\n\n"))
            }
            #expect(try await proxies.ask(1, .get, "/v1/health?readiness=true").status == 200)
        }
    }

    @Test func `every route of the table reaches a handler`() async throws {
        try await TestProxies.with(1) { proxies in
            for route in Route.all where route.roles.contains(.proxy) {
                for (method, path) in route.methods.flatMap({ method in
                    route.paths.map { (method, $0) }
                }) {
                    let filled = path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }
                    let reply = try await proxies.ask(
                        1, method, "/\(filled.joined(separator: "/"))?dry_run=true")
                    #expect(reply.status != 500, "\(method.name) \(path): \(reply.text)")
                }
            }
        }
    }

    @Test func `no route passes over a key that it does not know`() async throws {
        try await TestProxies.with(1) { proxies in
            let before = try await proxies.ask(1, .get, "/v1/daemon?what=rmd")
                .header("martlet-position")
            // Of what is passed on to a node, that node says so (`NodeRelayTests`).
            let relayed: [Route.Name] = [.relayedRead, .relayedChange]
            for route in Route.all
            where route.roles.contains(.proxy) && !relayed.contains(route.name) {
                for (method, path) in route.methods.flatMap({ method in
                    route.paths.map { (method, $0) }
                }) {
                    let filled = path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }
                    let what =
                        switch route.name {
                        case .daemon: "what=smap&"
                        case .cluster: "what=smap&"
                        default: ""
                        }
                    let reply = try await proxies.ask(
                        1, method, "/\(filled.joined(separator: "/"))?\(what)dryrun=true")
                    let code: FailureCode =
                        switch route.name {
                        case .attachRemote, .detachRemote: .notImplemented
                        case .clusterConfig, .clusterConfigReset, .daemonConfig,
                            .daemonConfigReset:
                            // A reset takes a name only.
                            reply.text.contains("takes names only") ? .badQuery : .unknownOption
                        default: .unknownParameter
                        }
                    #expect(reply.status == code.status, "\(method.name) \(path): \(reply.text)")
                    guard method != .head else { continue }
                    #expect(reply.failure?.code == code, "\(method.name) \(path): \(reply.text)")
                    #expect(reply.text.contains("dryrun") || code == .notImplemented)
                }
            }
            #expect(
                try await proxies.ask(1, .get, "/v1/daemon?what=rmd").header("martlet-position")
                    == before)
        }
    }

    @Test func `HEAD is what GET answers, without the body`() async throws {
        try await TestProxies.with(1) { proxies in
            for path in [
                "/v1/daemon?what=smap", "/v1/cluster?what=bmd", "/v1/buckets", "/v1/help/Q1",
                "/v1/openapi.json", "/v1/cluster/sessions", "/v1/cluster?what=history",
            ] {
                let get = try await proxies.ask(1, .get, path)
                let head = try await proxies.ask(1, .head, path)
                #expect(get.status == 200 && head.status == 200, "\(path)")
                #expect(head.text.isEmpty, "\(path): \(head.text)")
                #expect(
                    head.header("content-length") == get.header("content-length")
                        && head.header("content-type") == get.header("content-type"), "\(path)")
            }
            #expect(try await proxies.ask(1, .head, "/metrics").status == 200)
            #expect(try await proxies.ask(1, .head, "/v1/daemon?what=nonsense").status == 400)
        }
    }

    @Test func `objects are redirected to the target that has them`() async throws {
        try await TestProxies.with(1) { proxies in
            let target = try await StubTarget.start(proxies)
            #expect(try await proxies.create("b", through: 1).status == 200)
            let base = "http://127.0.0.1:\(target.port)"
            struct Case {
                let method: HTTP.Method
                let path: String
                let status: Int
                let location: String
            }
            let cases = [
                Case(
                    method: .get, path: "/v1/objects/b/dir/o", status: 301,
                    location: "/v1/objects/b/dir/o?pid=p1&utm="),
                Case(
                    method: .put, path: "/v1/objects/b/o?provider=ais", status: 307,
                    location: "/v1/objects/b/o?provider=ais&pid=p1&utm="),
                Case(
                    method: .delete, path: "/v1/objects/b/a%20b%3Fc%25d", status: 307,
                    location: "/v1/objects/b/a%20b%3Fc%25d?pid=p1&utm="),
                Case(
                    method: .head, path: "/v1/objects/b/o?check_cached=true", status: 307,
                    location: "/v1/objects/b/o?check_cached=true&pid=p1&utm="),
            ]
            for row in cases {
                let reply = try await proxies.ask(1, row.method, row.path)
                #expect(reply.status == row.status, "\(row.path): \(reply.text)")
                let location = try #require(reply.header("location"))
                #expect(location.hasPrefix(base + row.location), "\(location)")
                #expect(location.contains("&at=1-"), "\(location)")
                if row.method == .head {
                    #expect(location.hasSuffix("&check_cached=true"), "\(location)")
                }
            }
            let get = try await proxies.ask(1, .get, "/v1/objects/b/o")
            #expect(get.header("content-type") == "text/html; charset=utf-8")
            #expect(get.text.hasPrefix("<a href=\"http://") && get.text.contains("&amp;utm="))
            await target.stop()
        }
    }
}
