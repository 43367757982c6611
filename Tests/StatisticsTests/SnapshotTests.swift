import API
import Base
import Cluster
import TestSupport
import Testing

@testable import Statistics

/// Counters under AIStore's names (contract §10.1, §10.2).
@Suite struct SnapshotTests {
    private static func snapshot(_ role: NodeRole) -> StatisticsSnapshot {
        var base = Sample(at: MonotonicTime(nanoseconds: 0))
        base.totals[.get].done = 1
        base.totals[.get].bytesSent = 100
        base.totals[.get].latency.sum = 1_000
        var totals = base.totals
        totals[.get].done = 5
        totals[.get].failed = 2
        totals[.get].bytesSent = 2_100
        totals[.get].latency.sum = 9_000
        totals[.get].redirectNanoseconds = 80
        totals[.put].done = 3
        totals[.put].bytesReceived = 33
        for (place, operation) in [Operation.head, .delete, .post, .rename].enumerated() {
            base.totals[operation].done = 1
            base.totals[operation].latency.sum = 100
            totals[operation].done = 3
            totals[operation].latency.sum = 1_100 + 2 * UInt64(place)
        }
        totals[.health].failed = 70
        totals[.wait].failed = 7
        var keepalive = Keepalive()
        keepalive.add(30)
        keepalive.add(10)
        return StatisticsSnapshot(
            role: role, upNanoseconds: 77, totals: totals, events: [1, 2, 3, 4, 5],
            keepalive: keepalive, base: base, windowNanoseconds: 2_000_000_000)
    }

    private static func values(
        _ role: NodeRole, averaged: Bool
    ) -> [String: UInt64] {
        Dictionary(
            uniqueKeysWithValues: snapshot(role).counters(averaged: averaged).map {
                ($0.name, $0.value)
            })
    }

    @Test func `a target's counters are sums since its start`() {
        let values = Self.values(.target, averaged: false)
        let expected: [String: UInt64] = [
            "get.n": 5, "get.size": 2_100, "get.ns": 9_000, "get.redir.ns": 80, "get.bps": 1_000,
            "put.n": 3, "put.size": 33, "err.get.n": 2, "err.n": 2, "err.io.n": 1,
            "err.cksum.n": 2, "err.range.n": 3, "kalive.ns": 40, "kalive.ns.min": 10,
            "kalive.ns.max": 30, "up.ns.time": 77, "reb.tx.n": 0,
        ]
        for (name, value) in expected { #expect(values[name] == value, "\(name)") }
    }

    /// Contract §10.1, those that are 0 because nothing of the kind is done here as well.
    @Test func `every counter of the contract is there, of either kind of node`() {
        let both =
            "get.n put.n append.n pst.n del.n ren.n lst.n get.ns lst.ns kalive.ns kalive.ns.min kalive.ns.max up.ns.time "
            + "err.n err.get.n err.delete.n err.post.n err.put.n err.head.n err.list.n err.range.n err.dl.n"
        let targets =
            "put.ns append.ns get.redir.ns put.redir.ns get.bps get.cold.n get.cold.size lru.evict.n lru.evict.size vchange.n "
            + "vchange.size err.cksum.n err.cksum.size err.md.n err.io.n reb.tx.n reb.tx.size reb.rx.n reb.rx.size restart.n "
            + "dl.size dl.ns dsort.creation.req.n dsort.creation.req.ns dsort.creation.resp.n dsort.creation.resp.ns"
        for (role, names) in [(NodeRole.proxy, both), (.target, "\(both) \(targets)")] {
            let shown = Set(Self.values(role, averaged: false).keys)
            for name in names.split(separator: " ") {
                #expect(shown.contains(String(name)), "\(role): \(name)")
            }
        }
    }

    @Test func `averages are those since the last sample`() {
        let values = Self.values(.target, averaged: true)
        #expect(values["get.ns"] == 2_000)
        #expect(values["kalive.ns"] == 20)
        #expect(values["put.ns"] == 0)
        #expect(values["get.n"] == 5)
    }

    @Test(arguments: [NodeRole.proxy, .target])
    func `every operation that is counted says how long it took`(_ role: NodeRole) {
        for (place, name) in ["head", "del", "pst", "ren"].enumerated() {
            let sums = Self.values(role, averaged: false)
            #expect(sums["\(name).n"] == 3 && sums["\(name).ns"] == 1_100 + 2 * UInt64(place))
            let mean = Self.values(role, averaged: true)["\(name).ns"]
            #expect(mean == 500 + UInt64(place), "\(name)")
        }
    }

    @Test func `a proxy has none of a target's`() {
        let values = Self.values(.proxy, averaged: false)
        for name in ["put.ns", "get.bps", "get.redir.ns", "err.io.n", "reb.rx.n", "get.size"] {
            #expect(values[name] == nil, "\(name)")
        }
        #expect(values["get.n"] == 5 && values["lst.ns"] == 0)
    }

    @Test func `zeros are left out or written, durations always there`() throws {
        let counters = Self.snapshot(.target).counters(averaged: false)
        for zeros in [false, true] {
            var json = JSONWriter()
            json.value(counters, zeros: zeros)
            guard case .object(let object) = try JSONValue(parsing: json.bytes) else {
                Issue.record("no object")
                return
            }
            #expect(object["get.n"] == .number("5"))
            #expect(object["lst.ns"] == .number("0"))
            #expect((object["append.n"] == nil) == !zeros)
        }
    }

    @Test func `what all nodes write for Prometheus is valid`() throws {
        let node = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)))
        let path = try #require(Capacity.read("/"))
        var text = MetricsText()
        text.add(
            node, Self.snapshot(.target), SystemReport.read(), started: Timestamp(nanoseconds: 1),
            connections: 3)
        text.add(ClusterState())
        text.add([path], of: ["/", "/gone"])
        let metrics = try ParsedMetrics(String(decoding: text.bytes, as: UTF8.self))
        #expect(metrics.value("ais_target_get_n_total") == 5)
        #expect(metrics.value("ais_target_get_size_bytes_total") == 2_100)
        #expect(metrics.value("martlet_requests_refused_total") == 5)
        #expect(metrics.value("martlet_requests_done_total", ["operation": "put"]) == 3)
        #expect(metrics.value("martlet_mountpath_size_bytes", ["mountpath": "/"]) != nil)
        #expect(metrics.value("martlet_mountpath_answers", ["mountpath": "/gone"]) == 0)
        #expect((metrics.value("process_cpu_seconds_total") ?? 0) > 0)
        #expect((metrics.value("process_open_fds") ?? 0) > 0)
    }
}
