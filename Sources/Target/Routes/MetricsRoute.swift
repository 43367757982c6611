import API
import Base
import Cluster
import HTTP
import Statistics

/// `GET /metrics`, for Prometheus.
struct MetricsRoute {
    let target: TargetContext
    let exchange: Exchange

    func respond() async throws {
        let mountpaths = target.store.mountpaths
        let paths = mountpaths.all.map(\.path)
        let report = try await target.statistics.report(mountpaths: paths, on: exchange.loop)
        let published = target.publisher.current
        let snapshot = target.statistics.snapshot()
        var text = MetricsText()
        text.add(
            target.node, snapshot, report, started: target.statistics.started,
            connections: exchange.openConnections)
        text.add(published.state)
        text.add(waiting: ["version": target.longPoll.waiting])
        text.add(report.capacities, of: paths)
        text.family("martlet_mountpaths", .gauge, "Mountpaths, by whether they take part.") {
            $0.sample(mountpaths.all.count, [("state", "available")])
            $0.sample(mountpaths.disabled.count, [("state", "disabled")])
        }
        text.add(target.status.report(at: .now()), published)
        text.add(target.cache.facts, published.state.position)
        text.counter(
            "martlet_out_of_space_total", "Requests refused because a disk is full.",
            snapshot[.outOfSpace])
        text.gauge(
            "martlet_open_objects", "Objects kept open for the next reader.",
            target.store.cache.count)
        exchange.respond(.ok, type: MetricsText.contentType, body: text.bytes)
    }
}

extension MetricsText {
    fileprivate mutating func add(_ cache: StateCache.Facts, _ applied: LogPosition) {
        gauge(
            "martlet_cached_state_index", "The last entry that the cached state on disk has.",
            cache.position.index)
        gauge(
            "martlet_cached_state_lag_entries",
            "Entries that were applied and are not in the cached state.",
            cache.position < applied ? applied.index - min(applied.index, cache.position.index) : 0)
        gauge(
            "martlet_cached_state_bytes", "The size of the cached state on disk.", cache.bytes)
    }

    fileprivate mutating func add(_ follow: FollowStatus.Report, _ published: PublishedState) {
        gauge(
            "martlet_log_following", "Whether the target follows a proxy.",
            follow.proxy == nil ? 0 : 1)
        gauge(
            "martlet_log_lag_entries",
            "Entries that the proxy has, as it said last, and the target has not applied.",
            follow.lag(of: published.state.position))
        family(
            "martlet_log_silence_seconds", .gauge, "Time since a proxy was last heard."
        ) { family in
            if let silence = follow.silenceSeconds { family.sample(silence) }
        }
        counter(
            "martlet_log_streams_total", "Follow streams that have brought something.",
            follow.streams)
        counter(
            "martlet_log_streams_lost_total", "Follow streams that have ended or never began.",
            follow.losses)
    }
}
