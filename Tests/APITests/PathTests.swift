import API
import Base
import Cluster
import Testing

/// Paths, queries and redirects (contract §2.1, §2.6, §3.4).
@Suite struct PathTests {
    @Test(arguments: [
        ("/v1/buckets", Resource.buckets(name: nil)),
        ("/v1/buckets/", .buckets(name: nil)),
        ("/v1/buckets/*", .buckets(name: nil)),
        ("//v1///buckets//abc/", .buckets(name: "abc")),
        ("/v1/objects/b/o", .object(bucket: "b", name: "o")),
        ("/v1/objects/b/a/b%2Fc%20d", .object(bucket: "b", name: "a/b/c d")),
        ("/v1/objects/b//o", .object(bucket: "b", name: "/o")),
        ("/v1/objects/b/o/", .object(bucket: "b", name: "o/")),
        ("/v1/objects/b/%E4%BD%A0", .object(bucket: "b", name: "你")),
        ("/v1/objects/b/a+b&c", .object(bucket: "b", name: "a+b&c")),
        ("/v1/daemon/mountpaths", .daemon(["mountpaths"])),
        ("/v1/cluster/daemon/43888%3A8083", .cluster(["daemon", "43888:8083"])),
        ("/v1/health", .health),
        ("/metrics", .metrics),
        ("/metrics/", .metrics),
        ("/v1/log/follow", .followLog),
        ("/v1/raft/stream", .raftStream),
        ("/v1/etl/init", .unserved("/v1/etl")), ("/v1/ml/moss/b", .unserved("/v1/ml")),
        ("/s3/b/o", .unserved("/s3")), ("/ais/b/o", .unserved("/ais")),
        ("/v1/%63luster/setconfig", .cluster(["setconfig"])),
        ("/v1/daemon/set%63onfig", .daemon(["setconfig"])),
    ])
    func `a path says what it is about`(_ path: String, _ resource: Resource) throws {
        #expect(try Resource(path: path[...]) == resource)
    }

    @Test(arguments: [
        ("/", FailureCode.unknownResource), ("/v2/buckets", .unknownResource),
        ("/v1", .unknownResource), ("/v1/what", .unknownResource),
        ("/v1/objects", .badPath), ("/v1/objects/b", .badPath), ("/v1/objects/b/", .badPath),
        ("/v1/buckets/a/b", .badPath), ("/v1/objects/b/%zz", .badPath),
        ("/v1/objects/b/%ff", .badPath), ("/v1/health/x", .badPath),
        ("/metrics/x", .badPath), ("/v1/metrics", .unknownResource),
        ("/v1/log", .unknownResource), ("/v1/cluster%2F", .unknownResource),
        ("/v1/%2563luster", .unknownResource), ("/v1/%zz", .badPath),
    ])
    func `a path that is about nothing says why`(_ path: String, _ code: FailureCode) {
        #expect(Self.code { try Resource(path: path[...]) } == code)
    }

    @Test func `a query is decoded, and its first value counts`() throws {
        let query = Query("a=1&b=x+y%20z&a=2&c&d=%40%23ml&%65=q&f=%zz")
        #expect(try query.value("a") == "1")
        #expect(try query.value("b") == "x y z")
        #expect(try query.value("c") == "")
        #expect(try query.value("e") == "q")
        #expect(try query.value("g") == nil)
        let odd = Query("&&a&b==1&=x&c=&&d=%26=%3D&a=2&")
        let pairs = try odd.pairs().map { "\($0.name):\($0.value ?? "-")" }
        #expect(pairs == ["a:-", "b:=1", ":x", "c:", "d:&==", "a:2"])
        #expect(try odd.value("b") == "=1" && odd.value("") == "x" && odd.value("d") == "&==")
        #expect(Self.code { try query.value("f") } == .badQuery)
        #expect(try Query("namespace=%40u%23ml").namespace()?.text == "@u#ml")
        #expect(Self.code { try Query("provider=hdfs").provider() } == .badProvider)
        #expect(try Query("provider=s3").provider() == .aws)
    }

    @Test(arguments: ["1", "t", "TRUE", "y", "Yes", "on"])
    func `yes has many spellings`(_ text: String) throws {
        #expect(try Query("x=\(text)").flag("x"))
        #expect(Self.code { try Query("x=maybe").flag("x") } == .badQuery)
        #expect(try !Query("x=").flag("x"))
    }

    @Test(arguments: [
        ("/v1/objects/b/o", "/v1/objects/b/o?"),
        ("/v1/objects/b/a b", "/v1/objects/b/a%20b?"),
        ("/v1/objects/b/a%20b", "/v1/objects/b/a%20b?"),
        ("/v1/objects/b/a&b", "/v1/objects/b/a&b?"),
        ("/v1/objects/b/100%25", "/v1/objects/b/100%25?"),
        ("/v1/objects/b/a%3Fb%23c", "/v1/objects/b/a%3Fb%23c?"),
        ("/v1/objects/b/a#c", "/v1/objects/b/a%23c?"),
        ("/v1/objects/b/你", "/v1/objects/b/%E4%BD%A0?"),
        (
            "/v1/objects/b/o?provider=ais&namespace=@%23ml",
            "/v1/objects/b/o?provider=ais&namespace=@%23ml&"
        ),
    ])
    func `a redirect keeps path and query, encoded`(_ target: String, _ expected: String) throws {
        let node = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "10.0.0.5", port: 8083)))
        let position = LogPosition(generation: 1, nonce: 0xF0, term: 2, index: 0x1F)
        let location = Redirect.location(
            to: node, RequestTarget(target), proxy: try #require(NodeID("p1")),
            time: Timestamp(nanoseconds: 77), position: position.text)
        #expect(location == "http://10.0.0.5:8083\(expected)pid=p1&utm=77&at=1-f0-2-1f")
        let parsed = RequestTarget(location)
        let redirect = try #require(try Redirect(parsed.query))
        #expect(redirect.proxy == "p1" && redirect.time == 77 && redirect.position == position)
        #expect(try Resource(path: parsed.path) == Self.decodedOriginal(target))
    }

    /// What a client meant that sent a space, a hash or other text without encoding it.
    private static func decodedOriginal(_ target: String) throws -> Resource {
        try Resource(path: RequestTarget(target).path)
    }

    @Test func `a request that came through no proxy has no redirect`() throws {
        #expect(try Redirect(Query("provider=ais")) == nil)
        #expect(try Redirect(Query("pid=p1")) == nil)
        #expect(try Redirect(Query("pid=p1&utm=5"))?.position == nil)
        #expect(Self.code { try Redirect(Query("pid=p1&utm=5&at=x")) } == .badPosition)
    }

    @Test func `a bucket is named by path and query`() throws {
        let bucket = try Bucket(name: "abc", query: Query("namespace=%40%23ml&provider=ais"))
        #expect(bucket.keyPrefix == "ais/@#ml/abc/")
        #expect(Self.code { try Bucket(name: "a..b", query: .empty) } == .badBucketName)
        #expect(
            Self.code { try Bucket(name: "a", query: Query("namespace=a%2Fb")) } == .badNamespace)
    }

    static func code<Value>(_ body: () throws -> Value) -> FailureCode? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? Failure)?.code
        }
    }
}
