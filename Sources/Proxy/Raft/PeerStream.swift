import API
import Base
import Consensus
import HTTP
import Synchronization

/// The stream to one other member.
///
/// A message is written by the thread that has it: no loop has to wake up for it first. What cannot be sent is
/// dropped: the protocol repeats whatever still matters, and a message that has waited for a connection is old news.
/// Only the last control messages before a connection are kept, so that an election need not wait a timeout more.
final class PeerStream: Sendable {
    private struct State {
        var writer: StreamWriter?
        /// Control messages that came while there was no stream.
        var early: [Envelope] = []
        var hasSpoken = false
        var isClosed = false
    }

    let member: MemberID
    private let state = Mutex(State())
    /// Set when there is something to say and no stream.
    private let wanted = Watched(false)
    private let context: HTTPTransport.Context

    init(to member: MemberID, _ context: HTTPTransport.Context) {
        self.member = member
        self.context = context
    }

    /// Sends a message, or drops it.
    func offer(_ envelope: Envelope) {
        let writer = state.withLock { state -> StreamWriter? in
            if let writer = state.writer {
                state.hasSpoken = true
                return writer
            }
            if !envelope.message.isBulk, !state.isClosed {
                if state.early.count == Limits.streamEarlyMax { state.early.removeFirst() }
                state.early.append(envelope)
            }
            return nil
        }
        guard let writer else { return wanted.set(true) }
        if write(envelope, to: writer) == .ended { wanted.set(true) }
    }

    /// What waits for the other side; messages before a connection are few and small.
    var waitingBytes: Int { state.withLock { $0.writer?.waitingBytes ?? 0 } }

    private func write(_ envelope: Envelope, to writer: StreamWriter) -> StreamWriter.Outcome {
        writer.send(
            Frame.message(envelope).encoded,
            pendingMax: envelope.message.isBulk
                ? Limits.streamBulkBytes : Limits.streamPendingBytes)
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.writer?.close()
            state.writer = nil
        }
        wanted.set(true)
    }

    /// Opens the stream when there is something to say, and again whenever it has broken, until closed.
    func run() async {
        var pause = Limits.streamRetrySecondsMin
        var failures = 0
        var complaints: Set<String> = []
        // Where the member has been heard. A refusal there means that its process has ended; elsewhere, nothing.
        var proven: Endpoint?
        // Since when this member is told that it is another process, or not at all.
        var duplicates: (since: MonotonicTime, last: MonotonicTime)?
        // How often that place is still to be asked although there is nothing to say: a process that ends may accept once more.
        var questions = 0
        while await wanted.first(where: { $0 }) != nil, !state.withLock({ $0.isClosed }) {
            wanted.set(false)
            let opened = MonotonicTime.now()
            let endpoint = context.directory.endpoint(of: member, failures: failures)
            do {
                guard let endpoint else {
                    throw ClientError.unreachable("its address is not known")
                }
                try await serve(endpoint)
            } catch {
                if case .unreachable(_, isRefused: true) = error as? ClientError,
                    endpoint == proven
                {
                    context.contacts.gone(member)
                    questions = 0
                }
                if let refusal = error as? Duplicate {
                    let now = MonotonicTime.now()
                    // Refusals a while apart are two stories; in between, other places may have been tried.
                    let isSame = duplicates.map {
                        now.since($0.last) < Limits.duplicateNanoseconds / 2
                    }
                    let since = isSame == true ? duplicates?.since ?? now : now
                    duplicates = (since, now)
                    // Once may be an old stream that ends; an old process does not come back to life.
                    if now.since(since) > Limits.duplicateNanoseconds {
                        context.contacts.isDuplicate(because: refusal.description)
                    }
                }
                let complaint = "stream to member \(member) ended: \(error)"
                // Each trouble once, until the stream has worked again.
                if complaints.insert(complaint).inserted { context.log.info(complaint) }
            }
            state.withLock { state in
                state.writer?.close()
                state.writer = nil
                state.early = []
            }
            let served = Double(MonotonicTime.now().since(opened)) / 1e9
            let isHeard = context.contacts.silence(member) < Limits.streamSilenceSeconds
            if served > Limits.streamSilenceSeconds, isHeard {
                pause = Limits.streamRetrySecondsMin
                complaints = []
            } else {
                pause = min(pause * 2, Limits.streamRetrySecondsMax)
                failures += 1
                if complaints.count > Limits.complaintsMax { complaints = [] }
            }
            if context.contacts.wasHeard(member, since: opened) {
                // It went to the right place and broke just now: is anybody left there?
                proven = endpoint
                failures = 0
                questions = Limits.streamQuestionsMax
            }
            if questions > 0 {
                questions -= 1
                wanted.set(true)
                // One that breaks again and again has to wait.
                if served > Limits.streamLastingSeconds { continue }
            }
            await context.loop.sleep(nanoseconds: UInt64(pause * 1e9))
        }
    }

    private func serve(_ endpoint: Endpoint) async throws {
        let call = try await context.client.open(
            .post, endpoint, "/v1/raft/stream",
            timeouts: Client.Timeouts(
                connectSeconds: Limits.streamConnectSeconds, responseSeconds: .infinity,
                idleSeconds: Limits.streamSilenceSeconds))
        defer { call.close() }
        let writer = try await call.streamWriter()
        defer { writer.close() }
        _ = writer.send(
            Frame.hello(context.hello(member)).encoded, pendingMax: Limits.streamPendingBytes)
        let early = state.withLock { state -> [Envelope] in
            guard !state.isClosed else { return [] }
            state.writer = writer
            defer { state.early = [] }
            return state.early
        }
        for envelope in early { _ = write(envelope, to: writer) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watch() }
            group.addTask { try await self.watch(writer) }
            group.addTask {
                // An answer comes only when the other side has had enough, and says why.
                let response = try await call.response()
                let body = try await response.collect(upTo: Limits.relayedBytes)
                let failure = Failure(decoding: body)
                if let failure, failure.code == .duplicateNode {
                    throw Duplicate(description: failure.message)
                }
                throw ClientError.malformed(
                    failure?.message ?? String(decoding: body.prefix(512), as: UTF8.self))
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// The other side hears this very member from somewhere else.
    private struct Duplicate: Error, CustomStringConvertible {
        let description: String
    }

    /// Ends a stream whose writer has ended. Nothing else may notice: the connection can look whole, and the member be heard
    /// on its own stream.
    private func watch(_ writer: StreamWriter) async throws {
        while await wanted.first(where: { $0 }) != nil {
            // Whoever is refused by the writer says so again with the next message.
            if writer.hasEnded { throw ClientError.disconnected }
            wanted.set(false)
        }
    }

    /// Ends a stream into which much is said and from whose other end nothing is heard: TCP would keep a
    /// connection that a partition has cut for minutes, and then take long to try again.
    private func watch() async throws {
        let interval = UInt64(Limits.streamSilenceSeconds * 1e9)
        while await context.loop.sleep(nanoseconds: interval) {
            let hasSpoken = state.withLock { state in
                defer { state.hasSpoken = false }
                return state.hasSpoken
            }
            if hasSpoken, context.contacts.silence(member) > Limits.streamSilenceSeconds {
                throw ClientError.timedOut
            }
        }
    }
}
