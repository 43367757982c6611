import API
import Base
import Cluster
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
    let places = MemberPlaces()
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
        var sender: Hello?
        defer { if let sender { places.end(sender.sender, at: sender.senderURL) } }
        while let piece = try await exchange.next(upTo: 128 << 10) {
            reader.append(piece)
            do {
                while let frame = try reader.next() { try take(frame, from: &sender) }
            } catch let error as WireFailure {
                throw Failure(.badBody, "a frame of the stream cannot be read", cause: "\(error)")
            }
            if let sender { contacts.heard(sender.sender) }
        }
    }

    private func take(_ frame: Frame, from sender: inout Hello?) throws {
        switch (frame, sender) {
        case (.hello(let hello), nil):
            try check(hello)
            places.begin(hello.sender, at: hello.senderURL, now: .now())
            sender = hello
            try checkPlace(hello)
            directory.learn(hello.sender, hello.senderURL)
        case (.message(let envelope), let known?) where envelope.from == known.sender:
            try checkPlace(known)
            receive(envelope)
        default: throw WireFailure.malformed
        }
    }

    /// Before anything is taken that a second process says in a member's name.
    private func checkPlace(_ hello: Hello) throws(Failure) {
        let home = directory.node(of: hello.sender)?.address.url
        guard
            let other = places.heard(
                hello.sender, at: hello.senderURL, home: home, now: .now())
        else { return }
        throw Failure(
            .duplicateNode,
            "member \(hello.sender) speaks from \(other) as well as from \(hello.senderURL): its data directory was copied",
            next: "start the copy with an empty data directory, and an id of its own")
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
