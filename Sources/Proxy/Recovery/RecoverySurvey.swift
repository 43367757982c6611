import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// Finds out what the logs of a cluster's proxies hold, without needing a primary.
struct RecoverySurvey: Sendable {
    let node: Node
    let group: RaftGroup
    let published: PublishedState
    let client: Client
    let branches: Branches

    /// What was asked for besides.
    struct Wish: Sendable {
        var candidate: String?
        /// A proxy that the map may not have.
        var can: Endpoint?
        var files: [RecoveryFacts] = []
        var overridesQuorum = false
    }

    /// This proxy's own log.
    func own() async throws -> RecoveryFacts {
        let (status, state) = (group.status, published.now.state)
        let first = Index(state.position.index + 1)
        let origin = status.origin
        let read = await group.raft.read { storage in
            Result { () throws -> Stored in
                let outline = try storage.outline()
                var stored = Stored(outline: outline)
                if first <= outline.last.index {
                    stored.tail = try storage.entries(
                        from: first, through: outline.last.index,
                        maxBytes: Limits.recoveryTailBytes)
                }
                if let origin, origin.index >= outline.base.index,
                    origin.index.advanced(by: 2) <= outline.last.index
                {
                    stored.opening = try storage.entries(
                        from: origin.index.next, through: origin.index.advanced(by: 2),
                        maxBytes: Limits.recoveryTailBytes)
                }
                return stored
            }
        }
        let stored = try read.get()
        let entries = stored.tail
        var facts = RecoveryFacts(state, stored.outline, entries: entries)
        facts.opening = opening(stored, origin, in: state)
        facts.node = node.id.text
        facts.url = node.address.url
        facts.member = status.id
        facts.generation = status.generation
        facts.term = status.term
        facts.commit = status.commit
        facts.configuration = status.configuration
        // A leader that has just died is still believed in; it is no evidence.
        let silence = status.leaderSilence.map { Double($0) / 1e9 } ?? 0
        facts.leader = silence < Limits.missingSeconds ? status.leader : nil
        facts.supersededBy = status.supersededBy
        if let reason = status.stopped { facts.obstacle = "its log has failed: \(reason)" }
        facts.describe(tail: entries)
        facts.branches = branches.names.suffix(Branches.listedMax)
        return facts
    }

    private struct Stored: Sendable {
        var outline: LogOutline
        var tail: [Entry] = []
        var opening: [Entry] = []
    }

    private func opening(
        _ stored: Stored, _ origin: Position?, in state: ClusterState
    ) -> RecoveryFacts.Opening? {
        guard let origin, stored.opening.count == 2,
            case .recover(let record) = try? LogRecord(decoding: stored.opening[0].payload).command,
            let configuration = stored.opening[1].configuration,
            let leader = state.map[record.candidate]
        else { return nil }
        return RecoveryFacts.Opening(
            base: LogPosition(origin), leader: MemberID(leader.member),
            term: stored.opening[0].term, configuration: configuration)
    }

    /// Asks every proxy of the map, and the one that was named, for a bounded time.
    func question(_ wish: Wish, on loop: EventLoop) async throws -> RecoveryPlan.Question {
        let map = published.now.state.map
        guard !map.clusterID.isEmpty else {
            throw Failure(
                .starting, "this proxy belongs to no cluster yet",
                next: "ask a proxy that has its log")
        }
        var others = map.nodes(.proxy).filter { $0.id != node.id }
        if let can = wish.can, can != node.endpoint, !others.contains(where: { $0.endpoint == can })
        {
            others.append(try Self.named(can))
        }
        async let told = FanOut(client: client).ask(
            others, "recovery", upTo: Limits.recoveryBodyBytes, on: loop)
        var question = RecoveryPlan.Question(clusterID: map.clusterID)
        question.candidate = wish.candidate
        question.overridesQuorum = wish.overridesQuorum
        question.witnesses = [try await own()]
        if wish.candidate == nil, let can = wish.can {
            // Whoever answers there; nobody, until somebody does.
            question.candidate = can == node.endpoint ? node.id.text : "\(can)"
        }
        for node in map.nodes(.proxy) where node.member != 0 {
            question.names[MemberID(node.member)] = node.id.text
        }
        let answers = await told
        for (node, body) in answers.documents {
            do throws(DecodingFailure) {
                let facts = try RecoveryFacts(decoding: body)
                question.witnesses.append(facts)
                if wish.candidate == nil, node.endpoint == wish.can {
                    question.candidate = facts.name
                }
            } catch {
                question.silent.append(silent(node, "its answer does not decode: \(error)"))
            }
        }
        for (node, failure) in answers.unanswered {
            question.silent.append(silent(node, failure.cause ?? failure.message))
        }
        question.witnesses += wish.files
        return question
    }

    private static func named(_ can: Endpoint) throws(Failure) -> Node {
        guard let id = NodeID("can"), let port = UInt16(exactly: can.port),
            let address = NodeAddress(host: can.host, port: port)
        else { throw Failure(.badQuery, "'can' is '\(can)', not the URL of a proxy") }
        return Node(id: id, role: .proxy, address: address)
    }

    private func silent(_ node: Node, _ reason: String) -> RecoveryPlan.Silent {
        let (contact, isReal) = group.contacts.last(MemberID(node.member))
        return RecoveryPlan.Silent(
            node: node.id.text, url: node.address.url, member: MemberID(node.member),
            reason: reason, since: isReal ? Text.time(contact.wallTime) : "")
    }
}
