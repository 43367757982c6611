import API
import Cluster
import Testing

/// Questions that are asked with a query or a body: for a version, and about jobs (contract §11.4, §11.5).
@Suite struct QuestionTests {
    @Test(arguments: [
        ("wait_version=7", 7, 30.0), ("wait_version=7&timeout=", 7, 30),
        ("wait_version=0&timeout=2.5", 0, 2.5),
        ("timeout=250ms&wait_version=18446744073709551615", UInt64.max, 0.25),
        ("wait_version=1&timeout=5m", 1, 300), ("wait_version=1&timeout=10s", 1, 10),
    ])
    func `a version is waited for`(_ query: String, _ version: UInt64, _ seconds: Double) throws {
        let wait = try #require(try VersionWait(Query(query[...]), for: .smap))
        #expect(wait.version == version && wait.seconds == seconds)
    }

    @Test func `without a version nothing is waited for`() throws {
        #expect(try VersionWait(Query("consistency=stale&timeout="), for: .bmd) == nil)
    }

    @Test(arguments: [
        "wait_version=", "wait_version=-1", "wait_version=x", "wait_version=1&timeout=301",
        "wait_version=1&timeout=-1", "wait_version=1&timeout=1h", "wait_version=1&timeout=nan",
        "wait_version=1&timeout=1e9", "wait_version=1&timeout=.",
        // Who gives a time believes that there is something to wait for.
        "timeout=3",
    ])
    func `what is no version or no time is refused`(_ query: String) {
        #expect(
            PathTests.code { try VersionWait(Query(query[...]), for: .smap) } == .badQuery)
    }

    @Test func `the document's own version counts, and the failure tells it`() throws {
        let state = ClusterState()
        let smap = try #require(try VersionWait(Query("wait_version=5&timeout=1"), for: .smap))
        #expect(!smap.isReached(in: state))
        let failure = smap.failure(state)
        #expect(failure.code == .deadlineExceeded && failure.status == 504)
        #expect(failure.message.contains("version \(state.map.version), not yet 5"))
        let none = try #require(try VersionWait(Query("wait_version=0"), for: .bmd))
        #expect(none.isReached(in: state))
    }

    @Test func `jobs are asked for in AIStore's form and in that of its documents`() throws {
        func query(_ body: String) throws -> XactionQuery {
            try XactionQuery(decoding: Array(body.utf8))
        }
        let all = try query("{}")
        #expect(all.id.isEmpty && all.kind == nil && all.buckets.isEmpty && all.isRunning == nil)
        let some = try query(
            #"{"id":"","kind":"makencopies","bck":{"name":"abc"},"show_active":true}"#)
        #expect(some.kind == .makeCopies && some.buckets.map(\.name) == ["abc"])
        #expect(some.isRunning == true)
        #expect(try query(#"{"ID":"x1","Kind":""}"#).id == "x1")
        let documented = try query(
            #"{"action":"stats","name":"rebalance","value":{"bucket":"b"}}"#)
        #expect(documented.kind == .rebalance && documented.buckets.map(\.name) == ["b"])
        #expect(try query(#"{"action":"stats","value":{"bucket":""}}"#).buckets.isEmpty)
        #expect(try query(#"{"show_active":null,"bck":{"name":""}}"#) == all)
        // What later clients send always, whether it says something or not.
        let empty =
            #"{"ID":"","Kind":"","DaemonID":"","Bck":{"name":"","provider":"","#
            + #""namespace":{"uuid":"","name":""}},"Buckets":null,"Timeout":0,"Force":false,"#
            + #""OnlyRunning":false}"#
        #expect(try query(empty) == all)
        let later = try query(
            #"{"kind":"copy-bck","node":"t1","OnlyRunning":true,"#
                + #""buckets":[{"name":"a","provider":"aws","namespace":{"name":"n"}}]}"#)
        #expect(later.kind == .copyBucket && later.node == NodeID("t1"))
        #expect(later.isRunning == true && later.buckets.map(\.description) == ["aws://@#n/a"])
    }

    @Test(arguments: [
        ("", FailureCode.badJSON), ("[]", .badJSON), ("{", .badJSON),
        (#"{"kind":"nonsense"}"#, .xactionNotFound), (#"{"kind":1}"#, .badValue),
        (#"{"action":"stats","name":"nonsense"}"#, .xactionNotFound),
        (#"{"action":"begin","name":"lru"}"#, .unknownAction),
        (#"{"action":"stats","value":{"unknown":1}}"#, .badValue),
        (#"{"bck":"b"}"#, .badValue), (#"{"bck":{"name":"a..b"}}"#, .badBucketName),
        (#"{"show_active":"yes"}"#, .badValue),
        (#"{"knd":"rebalance"}"#, .badValue), (#"{"name":"rebalance"}"#, .badValue),
        (#"{"value":{"bucket":"b"}}"#, .badValue), (#"{"bck":{"nme":"b"}}"#, .badValue),
        (#"{"bck":{"provider":"aws"}}"#, .badBucketName),
        (#"{"bck":{"name":"b","provider":"mars"}}"#, .badProvider),
        (#"{"bck":{"name":"b","namespace":{"uuid":"a b"}}}"#, .badNamespace),
        (#"{"buckets":[{}]}"#, .badBucketName), (#"{"buckets":["b"]}"#, .badValue),
        (#"{"force":true}"#, .badValue), (#"{"Timeout":5}"#, .badValue),
        (#"{"flags":1}"#, .badValue), (#"{"node":"a b"}"#, .badNode),
        (#"{"action":"stats","kind":"rebalance"}"#, .badValue),
        (#"{"action":"stats","show_active":true}"#, .badValue),
    ])
    func `what is no question about jobs is refused`(_ body: String, _ code: FailureCode) {
        #expect(PathTests.code { try XactionQuery(decoding: Array(body.utf8)) } == code)
    }

    @Test func `the documents' form starts and stops as well, and says what and where`() throws {
        func order(_ text: String) throws -> String? {
            try XactionQuery.order(in: Array(text.utf8)).map {
                String(decoding: $0.encoded, as: UTF8.self)
            }
        }
        for body in ["", "{", "[]", "{}", #"{"action":"stats"}"#, #"{"action":"nonsense"}"#] {
            #expect(try order(body) == nil, "\(body)")
        }
        #expect(
            try order(#"{"action":"start","name":"rebalance"}"#)
                == #"{"action":"start","value":{"kind":"rebalance"}}"#)
        #expect(
            try order(#"{"action":"stop","name":"prefetch","value":{"bucket":"b"}}"#)
                == #"{"action":"stop","value":{"kind":"prefetch","bck":{"name":"b"}}}"#)
        #expect(throws: Failure.self) { try order(#"{"action":"stop","value":{"buckets":1}}"#) }
    }
}
