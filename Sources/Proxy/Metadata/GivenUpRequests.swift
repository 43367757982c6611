import API
import Base
import Consensus
import Synchronization

/// Requests that a primary serves, by their ids; and those that it takes no more in this term, because somebody has asked
/// what became of them and wants to hear the last word.
///
/// Nothing of this has to outlive the process or the leadership: a request that is bound to a term (``API/HeaderName/term``)
/// is not made in a later one, and its leader is this process or nobody.
final class GivenUpRequests: Sendable {
    private struct State {
        /// The term in which those of ``ids`` are taken no more.
        var term: TermMark?
        var ids: Set<String> = []
        var underWay: [String: Int] = [:]
    }

    private let state = Mutex(State())
    /// Counts those that have ended.
    private let ended = Watched<UInt64>(0)

    /// A request is about to be served by the primary of `term`; ``leave(_:)`` follows.
    func enter(_ id: String, in term: TermMark) throws(Failure) {
        let isTaken = state.withLock { state in
            if state.term == term, state.ids.contains(id) { return false }
            state.underWay[id, default: 0] += 1
            return true
        }
        guard isTaken else {
            throw Failure(
                .requestGivenUp,
                "somebody has asked what became of this request, and was told that it never will be made",
                next: "send it anew, with another \(HeaderName.requestID)")
        }
    }

    func leave(_ id: String) {
        state.withLock { state in
            let count = (state.underWay[id] ?? 1) - 1
            state.underWay[id] = count > 0 ? count : nil
        }
        ended.update { $0 += 1 }
    }

    /// Takes no request of that id in `term` any more. Those that are under way may still be made.
    ///
    /// - Returns: whether it could be noted.
    func giveUp(_ id: String, in term: TermMark) -> Bool {
        state.withLock { state in
            if state.term != term {
                state.term = term
                state.ids = []
            }
            guard state.ids.contains(id) || state.ids.count < Limits.givenUpMax else {
                return false
            }
            state.ids.insert(id)
            return true
        }
    }

    /// Waits until none of that id is under way; returns early when the task is cancelled.
    func rest(of id: String) async {
        _ = await ended.first { [self] _ in !state.withLock { $0.underWay[id] != nil } }
    }
}
