import API
import Base
import Cluster
import Synchronization

/// The requests of sessions that have not been answered yet. A copy that arrives meanwhile waits for the first and has
/// its answer; it would do no harm in the log, and cost an entry.
final class CallsUnderWay: Sendable {
    typealias Ending = Result<Cluster.Outcome, Failure>

    private let calls = Mutex<[SessionCall: Watched<Ending?>]>([:])

    /// Runs `body`, or waits until a call of the same name has ended.
    func once(_ call: SessionCall, _ body: () async -> Ending) async -> Ending {
        let mine = Watched<Ending?>(nil)
        let first = calls.withLock { calls in
            if let first = calls[call] { return first }
            calls[call] = mine
            return mine
        }
        guard first === mine else {
            // Whoever hangs up waits for nothing more; nobody reads that answer.
            let ending = await first.first { $0 != nil } ?? nil
            return ending ?? .failure(Failure(.stopping, "the request was given up"))
        }
        let ending = await body()
        calls.withLock { $0[call] = nil }
        mine.set(ending)
        return ending
    }

    var count: Int { calls.withLock(\.count) }
}
