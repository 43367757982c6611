package import API
import Base
package import Cluster

/// What a node has counted, under AIStore's names (contract §10.1).
package struct StatisticsSnapshot: Sendable {
    package var role: NodeRole
    package var upNanoseconds: UInt64
    package var totals: RequestTotals
    /// In the order of ``Event``.
    package var events: [UInt64]
    /// Answers by the code of their failure.
    package var failures: [(code: FailureCode, count: UInt64)] = []
    package var keepalive: Keepalive
    /// What was counted before the window of rates and averages.
    package var base: Sample
    package var windowNanoseconds: UInt64

    package struct Counter: Equatable, Sendable {
        package enum Kind: Sendable {
            case count
            case bytes
            /// Shown even when it is 0, as AIStore does.
            case duration
            case rate
        }

        package let name: String
        package let kind: Kind
        package let value: UInt64
        package let help: String
    }

    package subscript(event: Event) -> UInt64 { events[event.rawValue] }

    /// All counters of the node's role. When `averaged`, durations are means of one request since the last sample,
    /// else sums over all requests since the start.
    package func counters(averaged: Bool) -> [Counter] {
        var list = CounterList()
        addRequests(&list)
        addErrors(&list)
        addDurations(&list, averaged)
        if role == .target { addWork(&list) }
        return list.counters
    }

    private func addRequests(_ list: inout CounterList) {
        func done(_ operation: Operation) -> UInt64 { totals[operation].done }
        list.count("get.n", done(.get), "GET requests of objects")
        list.count("put.n", done(.put), "PUT requests of objects")
        list.count("append.n", done(.append), "requests that append to objects")
        list.count("pst.n", done(.post), "POST requests of buckets and objects")
        list.count("del.n", done(.delete), "DELETE requests of objects")
        list.count("ren.n", done(.rename), "requests that rename objects")
        list.count("lst.n", done(.list), "pages of listings")
        list.count("head.n", done(.head), "HEAD requests of objects")
        // A proxy's answers are redirects; their bodies are no objects.
        guard role == .target else { return }
        list.bytes("get.size", totals[.get].bytesSent, "bytes of objects sent")
        list.bytes("put.size", totals[.put].bytesReceived, "bytes of objects received")
        let sent = totals[.get].bytesSent &- base.totals[.get].bytesSent
        list.rate("get.bps", perSecond(sent), "bytes of objects sent in a second")
    }

    private func addErrors(_ list: inout CounterList) {
        func failed(_ operations: Operation...) -> UInt64 {
            operations.reduce(0) { $0 &+ totals[$1].failed }
        }
        // Whoever waits for a node asks its health again and again, streams are opened until one holds, and the time of
        // an answer that waits may be over: none of it is an error to look at.
        let expected = failed(.health, .stream, .wait)
        list.count("err.n", totals.sum(\.failed) &- expected, "requests answered with an error")
        list.count("err.get.n", failed(.get), "GET requests of objects that failed")
        list.count("err.put.n", failed(.put, .append), "PUT requests of objects that failed")
        list.count(
            "err.delete.n", failed(.delete, .changeBucket),
            "DELETE requests of objects and buckets that failed")
        list.count("err.post.n", failed(.post, .rename), "POST requests that failed")
        list.count("err.head.n", failed(.head), "HEAD requests of objects that failed")
        list.count("err.list.n", failed(.list), "listings that failed")
        list.count("err.range.n", self[.rangeError], "ranges that could not be had")
        list.count("err.dl.n", 0, "downloads that failed; this build has none")
        guard role == .target else { return }
        list.count("err.cksum.n", self[.checksumError], "bytes that did not match their checksum")
        list.count("err.io.n", self[.fileError], "requests that a disk failed")
        list.count("err.md.n", 0, "damaged metadata of objects; they are counted in err.io.n")
    }

    private func addDurations(_ list: inout CounterList, _ averaged: Bool) {
        func duration(_ name: String, _ operation: Operation, _ help: String) {
            let now = totals[operation]
            let before = base.totals[operation]
            list.duration(
                name,
                averaged
                    ? Self.mean(now.latency.sum &- before.latency.sum, now.done &- before.done)
                    : now.latency.sum, help)
        }
        func redirect(_ name: String, _ operation: Operation, _ help: String) {
            let now = totals[operation]
            let before = base.totals[operation]
            list.duration(
                name,
                averaged
                    ? Self.mean(
                        now.redirectNanoseconds &- before.redirectNanoseconds,
                        now.done &- before.done)
                    : now.redirectNanoseconds, help)
        }
        duration("get.ns", .get, "time taken by GET requests")
        duration("lst.ns", .list, "time taken by listings")
        duration("head.ns", .head, "time taken by HEAD requests of objects")
        duration("del.ns", .delete, "time taken by DELETE requests of objects")
        duration("pst.ns", .post, "time taken by POST requests of buckets and objects")
        duration("ren.ns", .rename, "time taken by renaming objects")
        if role == .target {
            duration("put.ns", .put, "time taken by PUT requests")
            duration("append.ns", .append, "time taken by appending")
            redirect("get.redir.ns", .get, "time from a redirect to the GET that followed it")
            redirect("put.redir.ns", .put, "time from a redirect to the PUT that followed it")
        }
        let trips =
            averaged
            ? Self.mean(
                keepalive.sum &- base.keepalive.sum, keepalive.count &- base.keepalive.count)
            : keepalive.sum
        list.duration("kalive.ns", trips, "time taken by keepalive round trips")
        list.duration("kalive.ns.min", keepalive.shortest, "shortest keepalive round trip")
        list.duration("kalive.ns.max", keepalive.longest, "longest keepalive round trip")
        list.duration("up.ns.time", upNanoseconds, "time since the node was started")
    }

    /// Work that AIStore's targets do and that this build has none of: it was done 0 times.
    private func addWork(_ list: inout CounterList) {
        for name in ["get.cold", "lru.evict", "vchange", "reb.tx", "reb.rx"] {
            list.count("\(name).n", 0, "objects of work that this build does not do")
            list.bytes("\(name).size", 0, "bytes of work that this build does not do")
        }
        list.bytes("err.cksum.size", 0, "bytes that did not match their checksum; not measured")
        list.count("restart.n", 0, "restarts with unfinished work; this build has no such work")
        list.bytes("dl.size", 0, "bytes downloaded; this build downloads nothing")
        list.duration("dl.ns", 0, "time taken by downloads; this build has none")
        for name in ["dsort.creation.req", "dsort.creation.resp"] {
            list.count("\(name).n", 0, "shards of a sort; this build does not sort")
            list.duration("\(name).ns", 0, "time taken by shards of a sort; this build has none")
        }
    }

    private func perSecond(_ amount: UInt64) -> UInt64 {
        guard windowNanoseconds > 0 else { return 0 }
        return UInt64(Double(amount) * 1e9 / Double(windowNanoseconds))
    }

    private static func mean(_ sum: UInt64, _ count: UInt64) -> UInt64 {
        count == 0 ? 0 : sum / count
    }
}

/// Counters, one after the other.
private struct CounterList {
    var counters: [StatisticsSnapshot.Counter] = []

    mutating func count(_ name: String, _ value: UInt64, _ help: String) {
        add(name, .count, value, help)
    }

    mutating func bytes(_ name: String, _ value: UInt64, _ help: String) {
        add(name, .bytes, value, help)
    }

    mutating func duration(_ name: String, _ value: UInt64, _ help: String) {
        add(name, .duration, value, help)
    }

    mutating func rate(_ name: String, _ value: UInt64, _ help: String) {
        add(name, .rate, value, help)
    }

    private mutating func add(
        _ name: String, _ kind: StatisticsSnapshot.Counter.Kind, _ value: UInt64, _ help: String
    ) {
        counters.append(.init(name: name, kind: kind, value: value, help: help))
    }
}

extension JSONWriter {
    /// Counters as one object of integers (contract §10.2). Without `zeros`, counts that are 0 are left out; durations
    /// and rates are always there.
    package mutating func value(
        _ counters: [StatisticsSnapshot.Counter], zeros: Bool
    ) {
        object { json in
            for counter in counters {
                let isShown =
                    switch counter.kind {
                    case .count, .bytes: zeros || counter.value > 0
                    case .duration, .rate: true
                    }
                if isShown { json.member(counter.name, counter.value) }
            }
        }
    }
}
