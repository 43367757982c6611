import Base
import Consensus
import HTTP
import Synchronization

/// The stream to one other member: a bounded queue, and a task that writes it out.
///
/// What cannot be sent is dropped: the protocol repeats whatever still matters, and a message that has
/// waited for a connection is old news. Control messages overtake bulk.
final class PeerStream: Sendable {
    private struct Queue {
        var control: [Envelope] = []
        var bulk: [Envelope] = []
        var waiter: Waiter?
        var isClosed = false

        var isEmpty: Bool { control.isEmpty && bulk.isEmpty }
    }

    let member: MemberID
    private let queue = Mutex(Queue())
    private let context: HTTPTransport.Context

    init(to member: MemberID, _ context: HTTPTransport.Context) {
        self.member = member
        self.context = context
    }

    func offer(_ envelope: Envelope) {
        let waiter = queue.withLock { queue -> Waiter? in
            if envelope.message.isBulk {
                guard queue.bulk.count < Limits.streamBulkMax else { return nil }
                queue.bulk.append(envelope)
            } else {
                guard queue.control.count < Limits.streamControlMax else { return nil }
                queue.control.append(envelope)
            }
            defer { queue.waiter = nil }
            return queue.waiter
        }
        waiter?.wake()
    }

    func close() {
        let waiter = queue.withLock { queue in
            queue.isClosed = true
            return queue.waiter
        }
        waiter?.wake()
    }

    /// Opens the stream when there is something to say, and again whenever it has broken, until closed.
    func run() async {
        var pause = Limits.streamRetrySecondsMin
        var lastComplaint = ""
        while await waitForMessages() {
            let opened = MonotonicTime.now()
            do {
                guard let endpoint = context.directory.endpoint(of: member) else {
                    throw ClientError.unreachable("its address is not known")
                }
                try await send(to: endpoint)
                return
            } catch {
                let complaint = "stream to member \(member) ended: \(error)"
                if complaint != lastComplaint { context.log.info(complaint) }
                lastComplaint = complaint
            }
            drop()
            // A stream that has served for a while broke just now; the next attempt need not wait.
            let served = Double(MonotonicTime.now().since(opened)) / 1e9
            pause =
                served > Limits.streamSilenceSeconds
                ? Limits.streamRetrySecondsMin
                : min(pause * 2, Limits.streamRetrySecondsMax)
            await context.loop.sleep(nanoseconds: UInt64(pause * 1e9))
        }
    }

    private func send(to endpoint: Endpoint) async throws {
        let call = try await context.client.open(
            .post, endpoint, "/v1/raft/stream",
            timeouts: Client.Timeouts(
                connectSeconds: Limits.streamConnectSeconds, responseSeconds: .infinity,
                idleSeconds: Limits.streamSilenceSeconds))
        defer { call.close() }
        try await call.write(Frame.hello(context.hello(member)).encoded)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.write(call) }
            group.addTask {
                // An answer comes only when the other side has had enough, and says why.
                let response = try await call.response()
                let body = try await response.collect(upTo: Limits.relayedBytes)
                throw ClientError.malformed(
                    String(decoding: body.prefix(512), as: UTF8.self))
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func write(_ call: ClientCall) async throws {
        let opened = MonotonicTime.now()
        while await waitForMessages() {
            let age = Double(MonotonicTime.now().since(opened)) / 1e9
            guard
                age < Limits.streamSilenceSeconds
                    || context.contacts.silence(member) < Limits.streamSilenceSeconds
            else { throw ClientError.timedOut }
            var bytes: [UInt8] = []
            for envelope in take() { bytes += Frame.message(envelope).encoded }
            try await call.write(bytes)
        }
    }

    /// - Returns: `false` when the stream was closed.
    private func waitForMessages() async -> Bool {
        while !Task.isCancelled {
            let waiter = Waiter()
            let (isReady, isClosed) = queue.withLock { queue in
                if !queue.isEmpty || queue.isClosed { return (true, queue.isClosed) }
                queue.waiter = waiter
                return (false, false)
            }
            if isReady { return !isClosed }
            await waiter.wait()
        }
        return false
    }

    /// What goes into the next write: all control messages, and bulk up to a limit.
    private func take() -> [Envelope] {
        queue.withLock { queue in
            var taken = queue.control
            queue.control = []
            var bytes = 0
            var count = 0
            while count < queue.bulk.count, bytes < Limits.streamWriteBytes {
                bytes += queue.bulk[count].message.byteCount
                count += 1
            }
            taken += queue.bulk.prefix(count)
            queue.bulk.removeFirst(count)
            return taken
        }
    }

    private func drop() {
        queue.withLock { queue in
            queue.control = []
            queue.bulk = []
        }
    }
}

extension Message {
    /// About what it takes on the wire.
    fileprivate var byteCount: Int {
        switch self {
        case .append(_, let entries, _): entries.reduce(64) { $0 + $1.byteCount }
        case .snapshotChunk(let chunk): chunk.bytes.count + 128
        default: 64
        }
    }
}
