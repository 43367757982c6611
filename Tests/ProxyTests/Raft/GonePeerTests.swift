import Base
import Cluster
import Consensus
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Whether a member's process has ended is told by its host, which refuses connections.
@Suite struct GonePeerTests {
    private final class Setting: Sendable {
        let mute: MutePeer
        let loops = EventLoopGroup(loops: 1)
        let contacts = PeerContacts()
        let stream: PeerStream
        let gone = Mutex(0)
        let running: Task<Void, Never>

        init() throws {
            let mute = try MutePeer()
            let published = PublishedState(ClusterState())
            let stream = PeerStream(
                to: MemberID(2),
                HTTPTransport.Context(
                    member: MemberID(1), url: "http://127.0.0.1:1",
                    identity: ClusterIdentity(published),
                    directory: MemberDirectory(
                        published, seeds: [Endpoint(host: "127.0.0.1", port: Int(mute.port))]),
                    contacts: contacts, client: Client(loops), loop: loops.loops[0],
                    log: Logger(node: "p1", subject: "test")))
            (self.mute, self.stream) = (mute, stream)
            running = Task(executorPreference: loops.loops[0]) { await stream.run() }
            contacts.onGone { [weak self] _ in self?.gone.withLock { $0 += 1 } }
        }

        func say() {
            stream.offer(
                Envelope(
                    from: MemberID(1), to: MemberID(2), generation: .none, term: Term(1),
                    message: .heartbeat(round: 1, commit: .zero)))
        }

        func connected(_ count: Int) async throws {
            try await eventually("it is connected") {
                self.say()
                return self.mute.accept() >= count
            }
        }

        func end() async {
            stream.close()
            running.cancel()
            await running.value
            loops.shutDown()
        }
    }

    /// NW-01: without anything to say, and long before an election timeout.
    @Test func `a process that has ended is noticed by its host's refusal`() async throws {
        let setting = try Setting()
        try await setting.connected(1)
        setting.contacts.heard(MemberID(2))
        setting.mute.end()
        try await eventually("it is gone") { setting.gone.withLock { $0 } > 0 }
        await setting.end()
    }

    /// A connection that ends says nothing: proxies restart streams, and so do networks.
    @Test func `who hangs up and still listens is not gone`() async throws {
        let setting = try Setting()
        for round in 1...3 {
            try await setting.connected(1)
            setting.contacts.heard(MemberID(2))
            setting.mute.hangUp()
            #expect(setting.gone.withLock { $0 } == 0, "round \(round)")
        }
        try await setting.connected(1)
        #expect(setting.gone.withLock { $0 } == 0)
        await setting.end()
    }

    /// Somebody else's refusal says nothing: the address may be an old one.
    @Test func `a refusal where the member was never heard says nothing`() async throws {
        let setting = try Setting()
        try await setting.connected(1)
        setting.mute.end()
        for _ in 0..<20 {
            setting.say()
            try await Task.sleep(for: .milliseconds(25))
        }
        #expect(setting.gone.withLock { $0 } == 0)
        await setting.end()
    }
}
