import Base
import Cluster
import Consensus
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// A member whose host takes connections, and whose process says nothing.
@Suite struct HalfOpenPeerTests {
    /// NW-09: it is given up after a while and tried again, not too often, and what waits for it is bounded.
    ///
    /// Also when the peer's own stream works, so that it is heard all the time: then only the writer knows that nothing gets through.
    @Test(arguments: [false, true])
    func `a peer that accepts and never answers costs bounded memory and few attempts`(
        isHeard: Bool
    ) async throws {
        let mute = try MutePeer()
        let loops = EventLoopGroup(loops: 1)
        let published = PublishedState(ClusterState())
        let directory = MemberDirectory(
            published, seeds: [Endpoint(host: "127.0.0.1", port: Int(mute.port))])
        let contacts = PeerContacts()
        let stream = PeerStream(
            to: MemberID(2),
            HTTPTransport.Context(
                member: MemberID(1), url: "http://127.0.0.1:1",
                identity: ClusterIdentity(published), directory: directory,
                contacts: contacts, client: Client(loops), loop: loops.loops[0],
                log: Logger(node: "p1", subject: "test")))
        let running = Task(executorPreference: loops.loops[0]) { await stream.run() }
        let begun = MonotonicTime.now()
        let payload = [UInt8](repeating: 7, count: 100_000)
        var (most, lives, previous) = (0, 0, 0)
        var attempts = 0
        // Five seconds, or more on a machine that has not let the stream run yet.
        while MonotonicTime.now().since(begun) < 5_000_000_000
            || (attempts < 2 || lives < 1 || most <= 200_000)
                && MonotonicTime.now().since(begun) < 30_000_000_000
        {
            if isHeard { contacts.heard(MemberID(2)) }
            // As much as a busy leader has for it: 20 MB in all, and a heartbeat every time.
            for message in [
                Message.append(
                    previous: .zero,
                    entries: [
                        Entry(
                            index: Index(1), term: Term(1), time: 1, kind: .command,
                            payload: payload)
                    ], commit: .zero),
                .heartbeat(round: 1, commit: .zero),
            ] {
                stream.offer(
                    Envelope(
                        from: MemberID(1), to: MemberID(2), generation: .none, term: Term(1),
                        message: message))
            }
            let waiting = stream.waitingBytes
            most = max(most, waiting)
            if waiting < previous { lives += 1 }
            previous = waiting
            attempts = mute.accept()
            try await Task.sleep(for: .milliseconds(25))
        }
        attempts = mute.accept()
        let seconds = Int(MonotonicTime.now().since(begun) / 1_000_000_000)
        // Each lasts for a second of silence and the pause after it.
        #expect(
            attempts >= 2 && attempts <= seconds + 1,
            "\(attempts) connections in \(seconds) seconds")
        #expect(lives >= 1)
        // It did pile up, and no further than it may.
        #expect(most > 200_000 && most <= Limits.streamPendingBytes, "\(most) bytes waited")
        stream.close()
        running.cancel()
        await running.value
        #expect(stream.waitingBytes == 0)
        loops.shutDown()
    }
}
