import Base
import Cluster
import HTTP
import Synchronization

/// Whether a proxy is being followed, for those who ask about the target's health.
final class FollowStatus: Sendable {
    private struct State {
        var proxy: Endpoint?
        var lastContact: MonotonicTime?
        var problem: String?
        /// The last entry that a proxy has said to be committed.
        var committed: LogPosition?
        /// Streams that have brought something, and those that have ended.
        var streams: UInt64 = 0
        var losses: UInt64 = 0
    }

    private let state = Mutex(State())

    init() {}

    /// Notes how far a proxy says its log is committed; before that is applied, which a disk may hold up.
    func told(committed: LogPosition) {
        state.withLock { $0.committed = committed }
    }

    func heard(from proxy: Endpoint, at now: MonotonicTime) {
        state.withLock { state in
            if state.proxy == nil { state.streams += 1 }
            state.proxy = proxy
            state.lastContact = now
            state.problem = nil
        }
    }

    func lost(because problem: String) {
        state.withLock { state in
            state.proxy = nil
            state.losses += 1
            state.problem = problem
        }
    }

    /// The proxy followed now.
    var proxy: Endpoint? { state.withLock { $0.proxy } }

    /// How the following goes.
    struct Report {
        var proxy: Endpoint?
        var committed: LogPosition?
        var silenceSeconds: Double?
        var problem: String?
        var streams: UInt64
        var losses: UInt64

        /// Entries known to be committed and not yet in the state at `position`.
        func lag(of position: LogPosition) -> UInt64 {
            guard let committed, committed > position, committed.index > position.index else {
                return 0
            }
            return committed.index - position.index
        }
    }

    func report(at now: MonotonicTime) -> Report {
        state.withLock { state in
            Report(
                proxy: state.proxy, committed: state.committed,
                silenceSeconds: state.lastContact.map { Double(now.since($0)) / 1e9 },
                problem: state.problem, streams: state.streams, losses: state.losses)
        }
    }

    /// Why the target is on its own, when it has been for long.
    /// `silence` are the seconds after which a proxy is given up.
    func isolation(at now: MonotonicTime, silence: Double) -> String? {
        state.withLock { state in
            let limit = UInt64(max(TargetLimits.contactSeconds, 2 * silence) * 1e9)
            if let last = state.lastContact, now.since(last) < limit { return nil }
            let reason = state.problem.map { ": \($0)" } ?? ""
            guard let last = state.lastContact else {
                return "it has reached no proxy yet\(reason)"
            }
            return "it has followed no proxy for \(now.since(last) / 1_000_000_000) s\(reason)"
        }
    }
}
