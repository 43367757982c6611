import Base
import HTTP
import Synchronization

/// Whether a proxy is being followed, for those who ask about the target's health.
final class FollowStatus: Sendable {
    private struct State {
        var proxy: Endpoint?
        var lastContact: MonotonicTime?
        var problem: String?
    }

    private let state = Mutex(State())

    init() {}

    func heard(from proxy: Endpoint, at now: MonotonicTime) {
        state.withLock { state in
            state.proxy = proxy
            state.lastContact = now
            state.problem = nil
        }
    }

    func lost(because problem: String) {
        state.withLock { state in
            state.proxy = nil
            state.problem = problem
        }
    }

    /// The proxy followed now.
    var proxy: Endpoint? { state.withLock { $0.proxy } }

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
