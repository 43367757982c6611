import API
import Base
import Consensus
import HTTP

/// Serves `POST /v1/raft/stream`: what another member writes goes to the local one.
struct StreamReceiver: Sendable {
    let member: MemberID
    let identity: ClusterIdentity
    let directory: MemberDirectory
    let contacts: PeerContacts
    /// Whether the member took part in a cluster before this process began. It may have lost the state that names it; then
    /// those who know this very member are of that cluster.
    let belongsSomewhere: Bool
    /// Opened when this member sends and receives no more.
    let closing: Latch
    /// Hands a message to the local member.
    let receive: @Sendable (Envelope) -> Void

    /// Reads until the stream ends. A damaged frame ends it and changes nothing else.
    func serve(_ exchange: Exchange) async throws {
        exchange.limitBody(.max)
        exchange.allowSilence(seconds: Limits.streamIdleSeconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await read(exchange) }
            group.addTask {
                await closing.wait()
                throw Failure(.stopping, "this proxy is stopping")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        exchange.respond(.ok)
    }

    private func read(_ exchange: Exchange) async throws {
        var reader = FrameReader()
        var sender: Speaker?
        while let piece = try await exchange.next(upTo: 128 << 10) {
            reader.append(piece)
            do {
                while let frame = try reader.next() { try take(frame, from: &sender) }
            } catch let error as WireFailure {
                throw Failure(.badBody, "a frame of the stream cannot be read", cause: "\(error)")
            }
            if var speaker = sender {
                try admit(&speaker)
                sender = speaker
                contacts.heard(speaker.member)
            }
        }
    }

    private struct Speaker {
        let member: MemberID
        let url: String
        /// Whether this map has it there.
        var isOnMap: (map: MemberDirectory.MapMark, isSo: Bool)?
    }

    /// Hears one process of a member, not two (catalogue PC-11).
    private func admit(_ speaker: inout Speaker) throws(Failure) {
        let map = directory.mapMark
        let known = speaker.isOnMap.flatMap { $0.map == map ? $0.isSo : nil }
        let isOnMap = known ?? directory.isOnMap(speaker.member, at: speaker.url)
        speaker.isOnMap = (map, isOnMap)
        guard let other = contacts.speaks(speaker.member, from: speaker.url, isOnMap: isOnMap)
        else { return }
        throw Failure(
            .duplicateNode,
            "member \(speaker.member) at \(speaker.url) runs already, at \(other)",
            next: "stop the one whose data directory is a copy; emptied, it joins anew"
        )
    }

    private func take(_ frame: Frame, from sender: inout Speaker?) throws {
        switch (frame, sender) {
        case (.hello(let hello), nil):
            try check(hello)
            var speaker = Speaker(member: hello.sender, url: hello.senderURL)
            try admit(&speaker)
            directory.learn(hello.sender, hello.senderURL)
            sender = speaker
        case (.message(let envelope), let known?) where envelope.from == known.member:
            receive(envelope)
        default: throw WireFailure.malformed
        }
    }

    private func check(_ hello: Hello) throws(Failure) {
        if belongsSomewhere, identity.clusterID.isEmpty, hello.recipient == member {
            identity.joined(String(decoding: hello.cluster, as: UTF8.self))
        }
        let clusterID = identity.clusterID
        if clusterID.isEmpty {
            throw Failure(.starting, "this proxy does not know its cluster yet")
        }
        guard hello.cluster.elementsEqual(clusterID.utf8) else {
            throw Failure(
                .wrongCluster,
                "this proxy belongs to cluster \(clusterID), not to "
                    + String(decoding: hello.cluster, as: UTF8.self))
        }
        guard hello.recipient == member else {
            throw Failure(
                .nodeNotFound, "this proxy is member \(member), not \(hello.recipient)")
        }
    }
}
