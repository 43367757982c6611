import API
import Base
import Cluster
import Synchronization

/// How far each follower of the log has come: those with a stream to this proxy, and those that other
/// proxies report.
///
/// The primary answers a change when everybody here has applied it. A follower that does not do so in time is
/// left behind: nobody waits for it again before it has caught up. It never acts on its old map in silence, as
/// redirects carry the position they were computed from.
final class Followers: Sendable {
    private struct Follower {
        var position: LogPosition
        /// Tells a new stream of a follower from its old one, which may end later.
        var stream: UInt64
        /// The proxy that reported it; `nil` when its stream is here.
        var proxy: NodeID?
        var seen: MonotonicTime
        var isLeftBehind = false
    }

    private struct Wait {
        var position: LogPosition
        var begun: MonotonicTime
        var waiter: Waiter
    }

    private struct State {
        var followers: [NodeID: Follower] = [:]
        var waits: [Wait] = []
        var lastStream: UInt64 = 0
        /// Of each other proxy, which report was taken last.
        var reports: [NodeID: FollowerReport.Sequence] = [:]

        func isReached(_ position: LogPosition) -> Bool {
            followers.values.allSatisfy { $0.isLeftBehind || $0.position >= position }
        }

        mutating func takeReached() -> [Waiter] {
            let due = waits.filter { isReached($0.position) }
            if due.isEmpty { return [] }
            waits = waits.filter { !isReached($0.position) }
            return due.map(\.waiter)
        }
    }

    private let state = Mutex(State())
    /// Counts the changes of what this proxy has to report.
    let changes = Watched<UInt64>(0)
    private let newest: @Sendable () -> LogPosition

    /// - Parameter newest: the position of the newest state; whoever has reached it has caught up.
    init(newest: @escaping @Sendable () -> LogPosition) {
        self.newest = newest
    }

    // MARK: Streams of this proxy

    /// Whether anybody is waited for who follows another proxy.
    var areElsewhere: Bool {
        state.withLock { $0.followers.values.contains { $0.proxy != nil && !$0.isLeftBehind } }
    }

    /// A follower has opened a stream; it replaces the one it had.
    ///
    /// - Returns: the number of the stream.
    func opened(_ id: NodeID, at position: LogPosition) -> UInt64 {
        let number = state.withLock { state in
            state.lastStream += 1
            // It joins the count only once it has caught up: a fresh target must not delay everybody.
            state.followers[id] = Follower(
                position: position, stream: state.lastStream, proxy: nil, seen: .now(),
                isLeftBehind: position < newest())
            return state.lastStream
        }
        changes.update { $0 += 1 }
        return number
    }

    func acknowledged(_ id: NodeID, stream: UInt64, at position: LogPosition) {
        let newest = newest()
        let due = state.withLock { state -> [Waiter]? in
            guard var follower = state.followers[id], follower.stream == stream else { return nil }
            follower.position = max(follower.position, position)
            follower.seen = .now()
            if position >= newest { follower.isLeftBehind = false }
            state.followers[id] = follower
            return state.takeReached()
        }
        guard let due else { return }
        for waiter in due { waiter.wake() }
        changes.update { $0 += 1 }
    }

    func closed(_ id: NodeID, stream: UInt64) {
        let due = state.withLock { state -> [Waiter] in
            guard state.followers[id]?.stream == stream else { return [] }
            state.followers[id] = nil
            return state.takeReached()
        }
        for waiter in due { waiter.wake() }
        changes.update { $0 += 1 }
    }

    /// The followers with a stream here.
    var reports: [FollowerReport.Follower] {
        state.withLock { state in
            state.followers.filter { $0.value.proxy == nil }
                .map { FollowerReport.Follower(id: $0.key, position: $0.value.position) }
                .sorted { $0.id < $1.id }
        }
    }

    /// A follower, for those who look after the cluster.
    struct Overview: Sendable {
        var id: NodeID
        var position: LogPosition
        /// The proxy that reported it; `nil` when its stream is here.
        var proxy: NodeID?
        var isLeftBehind: Bool

        /// Entries that it is not known to have applied.
        func lag(behind newest: LogPosition) -> UInt64 {
            newest > position && newest.index > position.index ? newest.index - position.index : 0
        }
    }

    /// All followers known here, in order of their ids; on the primary, those of the whole cluster.
    var overview: [Overview] {
        state.withLock { state in
            state.followers.map {
                Overview(
                    id: $0.key, position: $0.value.position, proxy: $0.value.proxy,
                    isLeftBehind: $0.value.isLeftBehind)
            }
        }.sorted { $0.id < $1.id }
    }

    // MARK: What other proxies report

    /// Takes in all followers of another proxy; those it no longer names are gone. A report that was overtaken on the
    /// way by a later one is passed over: it would bring back who has left since.
    func reported(_ report: FollowerReport) {
        let newest = newest()
        let (proxy, reports) = (report.proxy, report.followers)
        let due = state.withLock { state -> [Waiter] in
            if let last = state.reports[proxy], !report.follows(last) { return [] }
            // Proxies are few; a flood of names is not from ours.
            if state.reports.count > Limits.reportersMax { state.reports = [:] }
            state.reports[proxy] = report.sequence
            let named = Set(reports.map(\.id))
            for (id, follower) in state.followers where follower.proxy == proxy {
                if !named.contains(id) { state.followers[id] = nil }
            }
            for report in reports {
                let known = state.followers[report.id]
                // Its own stream here, or a later word of another proxy, knows better.
                if let known, known.proxy != proxy, known.position >= report.position { continue }
                if known?.proxy == nil, known != nil { continue }
                // What a follower has acknowledged it does not take back.
                let position = max(report.position, known?.position ?? .zero)
                state.followers[report.id] = Follower(
                    position: position, stream: 0, proxy: proxy, seen: .now(),
                    isLeftBehind: report.position < newest && (known?.isLeftBehind ?? true))
            }
            return state.takeReached()
        }
        for waiter in due { waiter.wake() }
    }

    /// Forgets what proxies have reported that say nothing any more.
    func forgetSilentProxies() {
        let now = MonotonicTime.now()
        let due = state.withLock { state -> [Waiter] in
            for (id, follower) in state.followers where follower.proxy != nil {
                let age = Double(now.since(follower.seen)) / 1e9
                if age > Limits.reportSeconds { state.followers[id] = nil }
            }
            return state.takeReached()
        }
        for waiter in due { waiter.wake() }
    }

    // MARK: Waiting

    /// Returns when every follower has applied `position` or is left behind, when this proxy leads no more, or when the
    /// task is cancelled.
    func reach(_ position: LogPosition) async {
        let waiter = Waiter()
        let isReached = state.withLock { state in
            if state.isReached(position) { return true }
            state.waits.append(Wait(position: position, begun: .now(), waiter: waiter))
            return false
        }
        if isReached { return }
        await waiter.wait()
        guard Task.isCancelled else { return }
        state.withLock { $0.waits.removeAll { $0.waiter === waiter } }
    }

    /// Lets everybody go who waits. For a proxy that does not lead: the others report to the new primary, so nobody here
    /// hears of their followers, and the wait would be for nothing.
    func endWaits() {
        let due = state.withLock { state in
            defer { state.waits = [] }
            return state.waits
        }
        for wait in due { wait.waiter.wake() }
    }

    /// Leaves those behind for whom somebody has waited too long (decision 0004). Called often; one clock for all who
    /// wait.
    ///
    /// - Returns: their ids.
    func leaveBehind(at now: MonotonicTime, after seconds: Double) -> [NodeID] {
        let (slow, due) = state.withLock { state -> ([NodeID], [Waiter]) in
            let late = state.waits.filter {
                Double(now.since($0.begun)) / 1e9 >= seconds
            }
            guard let position = late.map(\.position).max() else { return ([], []) }
            let slow = state.followers.filter {
                !$0.value.isLeftBehind && $0.value.position < position
            }
            .map(\.key).sorted()
            for id in slow { state.followers[id]?.isLeftBehind = true }
            return (slow, state.takeReached())
        }
        for waiter in due { waiter.wake() }
        return slow
    }
}
