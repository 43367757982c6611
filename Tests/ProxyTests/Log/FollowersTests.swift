import API
import Base
import Cluster
import HTTP
import TestSupport
import Testing

@testable import Proxy

/// Whom a change waits for.
@Suite struct FollowersTests {
    private let newest = Watched(LogPosition.zero)
    private let reports = Watched<UInt64>(0)

    private func position(_ index: UInt64) -> LogPosition {
        LogPosition(generation: 1, nonce: 1, term: 1, index: index)
    }

    private func followers() -> Followers {
        let newest = newest
        return Followers { newest.value }
    }

    private func isReached(_ followers: Followers, _ index: UInt64) async -> Bool {
        let loops = EventLoopsForTests.shared
        return await loops.within(nanoseconds: 20_000_000) {
            await followers.reach(self.position(index))
            return !Task.isCancelled
        } ?? false
    }

    /// The next report of p2, or the one with this number.
    private func report(
        _ followers: Followers, number: UInt64? = nil, life: UInt64 = 1,
        _ positions: [NodeID: UInt64]
    ) {
        reports.update { $0 += 1 }
        followers.reported(
            FollowerReport(
                proxy: p2,
                sequence: FollowerReport.Sequence(life: life, number: number ?? reports.value),
                followers: positions.map {
                    FollowerReport.Follower(id: $0.key, position: position($0.value))
                }))
    }

    private let t1 = Sample.node("t1")
    private let t2 = Sample.node("t2")
    private let p2 = Sample.node("p2")

    @Test func `nobody to wait for is no wait`() async {
        #expect(await isReached(followers(), 9))
    }

    @Test func `a report that comes after a later one brings nobody back`() async {
        newest.set(position(3))
        let followers = followers()
        report(followers, number: 1, [t1: 3])
        report(followers, number: 3, [:])
        report(followers, number: 2, [t1: 3])
        newest.set(position(4))
        #expect(await isReached(followers, 4))
        // The proxy has started again: its numbers begin anew.
        report(followers, number: 1, life: 2, [t1: 4])
        #expect(await !isReached(followers, 5))
    }

    @Test func `a follower's position is not taken back`() async {
        newest.set(position(5))
        let followers = followers()
        for index in [5, 6, 4] as [UInt64] {
            report(followers, [t1: index])
        }
        #expect(await isReached(followers, 6))
        #expect(await !isReached(followers, 7))
    }

    @Test func `a change waits for every follower that has caught up`() async {
        newest.set(position(3))
        let followers = followers()
        let one = followers.opened(t1, at: position(3))
        let two = followers.opened(t2, at: position(3))
        newest.set(position(4))
        #expect(await !isReached(followers, 4))
        followers.acknowledged(t1, stream: one, at: position(4))
        #expect(await !isReached(followers, 4))
        followers.acknowledged(t2, stream: two, at: position(4))
        #expect(await isReached(followers, 4))
    }

    @Test func `one that is still catching up delays nobody, and counts once it has`() async {
        newest.set(position(3))
        let followers = followers()
        let stream = followers.opened(t1, at: position(1))
        #expect(await isReached(followers, 3))
        followers.acknowledged(t1, stream: stream, at: position(3))
        newest.set(position(4))
        #expect(await !isReached(followers, 4))
    }

    @Test func `one that left is not waited for, and an old stream's end changes nothing`() async {
        newest.set(position(3))
        let followers = followers()
        let old = followers.opened(t1, at: position(3))
        let new = followers.opened(t1, at: position(3))
        followers.closed(t1, stream: old)
        newest.set(position(4))
        #expect(await !isReached(followers, 4))
        followers.acknowledged(t1, stream: old, at: position(4))
        #expect(await !isReached(followers, 4))
        followers.closed(t1, stream: new)
        #expect(await isReached(followers, 4))
    }

    @Test func `one left behind is waited for again when it has caught up`() async {
        newest.set(position(3))
        let followers = followers()
        let stream = followers.opened(t1, at: position(3))
        newest.set(position(4))
        let waiting = Task { await followers.reach(position(4)) }
        var left: [NodeID] = []
        while left.isEmpty {
            await Task.yield()
            let later = MonotonicTime.now().nanoseconds + 3_000_000_000
            left = followers.leaveBehind(at: MonotonicTime(nanoseconds: later), after: 2)
        }
        #expect(left == [t1])
        await waiting.value
        #expect(await isReached(followers, 4))
        followers.acknowledged(t1, stream: stream, at: position(4))
        newest.set(position(5))
        #expect(await !isReached(followers, 5))
    }

    /// Nobody reports to a proxy that does not lead.
    @Test func `a primary that leads no more waits for nobody`() async throws {
        newest.set(position(3))
        let followers = followers()
        report(followers, [t1: 3])
        newest.set(position(4))
        let isOver = Watched(false)
        let waiting = Task {
            await followers.reach(position(4))
            isOver.set(true)
        }
        defer { waiting.cancel() }
        try await eventually("it is let go") {
            followers.endWaits()
            return isOver.value
        }
    }

    @Test func `what other proxies report counts as well, until they report otherwise`() async {
        newest.set(position(3))
        let followers = followers()
        report(followers, [t1: 3])
        newest.set(position(4))
        #expect(await !isReached(followers, 4))
        report(followers, [t1: 4])
        #expect(await isReached(followers, 4))
        newest.set(position(5))
        #expect(await !isReached(followers, 5))
        report(followers, [:])
        #expect(await isReached(followers, 5))
    }

    @Test func `a stream here knows better than another proxy's report`() async {
        newest.set(position(3))
        let followers = followers()
        let stream = followers.opened(t1, at: position(3))
        newest.set(position(4))
        followers.acknowledged(t1, stream: stream, at: position(4))
        report(followers, [t1: 3])
        report(followers, [:])
        newest.set(position(5))
        #expect(await !isReached(followers, 5))
        #expect(followers.reports == [FollowerReport.Follower(id: t1, position: position(4))])
    }
}
