import Base
import Consensus
import HTTP
import Synchronization

/// Takes messages to other members over HTTP: one endless request to each (docs/formats/raft-wire.md).
final class HTTPTransport: Transport, Sendable {
    /// What all streams of a member share.
    struct Context: Sendable {
        let member: MemberID
        let url: String
        let identity: ClusterIdentity
        let directory: MemberDirectory
        let contacts: PeerContacts
        let client: Client
        let loop: EventLoop
        let log: Logger

        func hello(_ recipient: MemberID) -> Hello {
            Hello(
                cluster: Array(identity.clusterID.utf8), generation: .none, sender: member,
                recipient: recipient, senderURL: url)
        }
    }

    private struct Peers {
        var streams: [MemberID: PeerStream] = [:]
        var tasks: [Task<Void, Never>] = []
        var isStopped = false
    }

    private let context: Context
    private let peers = Mutex(Peers())

    init(_ context: Context) {
        self.context = context
    }

    func send(_ envelope: Envelope) {
        let stream = peers.withLock { peers -> PeerStream? in
            if let stream = peers.streams[envelope.to] { return stream }
            guard !peers.isStopped else { return nil }
            let stream = PeerStream(to: envelope.to, context)
            peers.streams[envelope.to] = stream
            peers.tasks.append(
                Task(executorPreference: context.loop) { await stream.run() })
            return stream
        }
        stream?.offer(envelope)
    }

    /// Closes the streams to members that are not among these; a member that was replaced never comes back.
    func keepOnly(_ members: Set<MemberID>) {
        let closed = peers.withLock { peers in
            let gone = peers.streams.keys.filter { !members.contains($0) }
            return gone.compactMap { peers.streams.removeValue(forKey: $0) }
        }
        for stream in closed { stream.close() }
    }

    func stop() async {
        let tasks = peers.withLock { peers in
            peers.isStopped = true
            for stream in peers.streams.values { stream.close() }
            return peers.tasks
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
