import Base
import Cluster
import Consensus
import HTTP
import MetaStore
import Synchronization

/// Changes that were sent to a primary which was lost before it answered. They are bound to its term (decision 0027): in
/// the next one the log says whether they were made, and what was not made may be sent again. While its own term goes on,
/// because only the connection was lost, the primary says it (``PrimaryInquiry``).
final class LostRequests: Sendable {
    enum Fate: Sendable {
        /// It certainly was not made, and never will be.
        case notMade
        /// The same, by the word of a primary that leads on, and takes no copy of it any more.
        case givenUp
        /// It is the only one of its id, and this is what it has changed.
        case made(HistoryEntry)
        case unknown
    }

    private struct Question: Sendable {
        var id: String
        var since: LogPosition
        /// Whether an entry of a later term is applied here: what is missing now is missing for good.
        var isOver: Bool
        var answer: UnsafeContinuation<Fate, Never>
    }

    private struct State {
        var questions: [Question] = []
        var isReading = false
    }

    private let published: PublishedState
    private let history: HistoryRoute
    private let loop: EventLoop
    /// Whether what this proxy has applied is in doubt.
    private let hidesState: @Sendable () -> Bool
    private let state = Mutex(State())

    init(
        published: PublishedState, history: HistoryRoute, loop: EventLoop,
        hidesState: @escaping @Sendable () -> Bool
    ) {
        (self.published, self.history, self.loop) = (published, history, loop)
        self.hidesState = hidesState
    }

    /// Waits for the end of the term that a request is bound to, as long as a change waits for a primary; `bound` is also
    /// where the log stood when it was sent.
    func fate(of id: String, bound: LogPosition) async -> Fate {
        let isOver = await loop.within(nanoseconds: UInt64(Limits.primarySeconds * 1e9)) {
            await self.published.first { $0.position.isBeyond(termOf: bound) } != nil
        }
        return Task.isCancelled ? .unknown : await look(for: id, bound, isOver: isOver == true)
    }

    /// What the log has of it here and now.
    func look(for id: String, _ bound: LogPosition, isOver: Bool) async -> Fate {
        await withUnsafeContinuation { continuation in
            let question = Question(id: id, since: bound, isOver: isOver, answer: continuation)
            let begins = state.withLock { state in
                state.questions.append(question)
                defer { state.isReading = true }
                return !state.isReading
            }
            if begins { Task(executorPreference: loop) { await self.read() } }
        }
    }

    /// A primary that dies leaves all that were under way at once: they share one look, and the log's thread, which is
    /// about to take the changes of the next one, is asked once.
    private func read() async {
        while true {
            let questions = state.withLock { state in
                defer { state.questions = [] }
                state.isReading = !state.questions.isEmpty
                return state.questions
            }
            guard let since = questions.map(\.since.index).min() else { return }
            // Whoever has seen a later term applied will find what there was of it in what is published now.
            let found = try? await history.changes(
                of: Set(questions.map(\.id)), after: since, upTo: published.now)
            for question in questions {
                question.answer.resume(returning: fate(of: question, found))
            }
        }
    }

    private func fate(
        of question: Question, _ found: (entries: [HistoryEntry], floor: UInt64)?
    ) -> Fate {
        guard let found, found.floor <= question.since.index, !hidesState() else {
            return .unknown
        }
        let entries = found.entries.filter {
            $0.requestID == question.id && $0.position.index > question.since.index
        }
        switch entries.count {
        case 0: return question.isOver ? .notMade : .unknown
        // What is applied is final, whoever leads.
        case 1: return .made(entries[0])
        default: return .unknown
        }
    }
}
