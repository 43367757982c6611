import API
import Base
import Cluster
import Consensus
import HTTP

/// Makes another proxy primary, on the primary (contract §7.5): checks that it can be, hands over, and returns when
/// it has committed.
struct PrimaryTransfer: Sendable {
    let group: RaftGroup
    let metadata: MetadataService
    let published: PublishedState
    let loop: EventLoop
    let check: HeirCheck

    func transfer(
        to id: NodeID, for origin: MetadataService.Origin
    ) async throws(Failure) {
        let now = try await metadata.linearizable()
        let heir = try Self.heir(id, in: now.state.map)
        let member = MemberID(heir.member)
        if group.status.id == member { return }
        if let obstacle = try await obstacle(to: id, in: now.state.map) { throw obstacle }
        try await transfer(to: member, id, for: origin, isAll: true)
    }

    /// Hands over to whoever can take over best of those that are not among `others`, and tries the next one if need be; `next` is
    /// for an operator when there is nobody.
    ///
    /// - Throws: why nobody has taken over.
    /// - Returns: the new primary.
    func transferToFittest(
        for origin: MetadataService.Origin, without others: [NodeID] = [], next: String
    ) async throws(Failure) -> NodeID {
        var problem = Self.noHeir(next: next)
        for member in fittest(in: published.now.state.map) {
            guard let heir = group.directory.node(of: member), !others.contains(heir.id) else {
                continue
            }
            if let obstacle = await obstacle(at: heir) {
                problem = obstacle
                continue
            }
            do throws(Failure) {
                try await transfer(to: member, heir.id, for: origin, isAll: false)
                return heir.id
            } catch {
                guard [.noPrimary, .proxyUnreachable].contains(error.code), group.isLeader else {
                    throw error
                }
                problem = error
            }
        }
        throw problem
    }

    static func noHeir(next: String) -> Failure {
        Failure(
            .noPrimary, "no other proxy can become primary: none that votes answers", next: next)
    }

    /// The voters that may take over, whoever holds most of the log first. Only the primary knows.
    func fittest(in map: ClusterMap) -> [MemberID] {
        let status = group.status
        let missing = Set(group.missingVoters().map(\.member))
        let matches = status.matches.filter { member, _ in
            guard status.configuration.isVoter(member), member != status.id,
                !missing.contains(member), let node = map.node(member: member.rawValue)
            else { return false }
            return node.isActive && !node.flags.contains(.nonElectable)
        }
        return matches.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map(\.key)
    }

    /// The first of them that is not among `others` and does not say that it cannot.
    ///
    /// - Throws: why there is none; `next` is for an operator when nobody is left to be asked.
    func firstFit(
        in map: ClusterMap, without others: [NodeID] = [], next: String
    ) async throws(Failure) -> Node {
        var problem = Self.noHeir(next: next)
        for member in fittest(in: map) {
            guard let heir = group.directory.node(of: member), !others.contains(heir.id) else {
                continue
            }
            guard let obstacle = await obstacle(at: heir) else { return heir }
            problem = obstacle
        }
        throw problem
    }

    /// Why a proxy cannot take over now; `nil` when it can.
    ///
    /// - Throws: that there is no such proxy.
    func obstacle(to id: NodeID, in map: ClusterMap) async throws(Failure) -> Failure? {
        try Self.checkIsProxy(id, in: map)
        let heir: Node
        do throws(Failure) {
            heir = try Self.heir(id, in: map)
        } catch {
            return error
        }
        let (status, member) = (group.status, MemberID(heir.member))
        guard status.configuration.isVoter(member) else { return Self.noVote(id) }
        // Whoever leads since a moment ago may not have heard everybody yet.
        var isHeard = fittest(in: map).contains(member)
        if !isHeard { isHeard = await check.answers(heir) }
        guard isHeard else {
            return Failure(
                .proxyUnreachable, "\(id) is not heard, so it could not take over",
                next: "start it, and look at its log; or name another proxy")
        }
        return await obstacle(at: heir)
    }

    /// What keeps a proxy that is heard from taking over: it has no room, or says that it cannot read the log.
    private func obstacle(at heir: Node) async -> Failure? {
        if group.status.shortOfSpace.contains(MemberID(heir.member)) {
            return Self.noRoom(heir.id)
        }
        return await check.obstacle(to: heir)
    }

    private static func noRoom(_ id: NodeID) -> Failure {
        .metadataDiskFull(
            "\(id) takes no changes", next: "make room on its disk, or name another proxy")
    }

    private static func noVote(_ id: NodeID) -> Failure {
        Failure(
            .changingMembers, "\(id) does not vote yet, so it cannot be primary",
            next: "GET /v1/daemon?what=raft shows the voting proxies; try again when it does")
    }

    private func transfer(
        to member: MemberID, _ id: NodeID, for origin: MetadataService.Origin, isAll: Bool
    ) async throws(Failure) {
        let since = origin.terms.bound ?? group.bound(after: published.now.state)
        // Of a request that wants nothing else, so that what became of it is told by this alone.
        let note =
            isAll
            ? TransferNote(
                clientAddress: origin.clientAddress, requestID: origin.requestID
            ).encoded : []
        let result = await group.raft.transferLeadership(
            to: member, bound: TermMark(since), note: note)
        switch result {
        case .refused(.otherTerm): throw .termPassed(now: group.term)
        case .refused(.targetIsLeader): return
        case .refused(.notLeader): throw group.noPrimary()
        case .refused(.targetIsLearner), .refused(.noSuchMember): throw Self.noVote(id)
        case .refused(.targetIsShortOfSpace): throw Self.noRoom(id)
        case .handedOver, .leadershipLost, .timedOut, .aborted: break
        }
        // Handed over is not taken over, and a target that was slow may take over yet: what counts is the first entry of a
        // later term.
        let next = await loop.within(nanoseconds: UInt64(Limits.primarySeconds * 1e9)) {
            await published.first {
                $0.map.primary == id || $0.position.isBeyond(termOf: since)
            }
        }
        switch (next ?? nil)?.state.map.primary {
        case id?: return
        case .some:
            // Not for a forwarder to try again: every attempt costs a term.
            throw Failure(
                .proxyUnreachable, "\(id) did not take over in time, and will not any more",
                cause: "\(result)", next: "look at the log of \(id)")
        case nil:
            var failure = Failure(
                .outcomeUnknown, "\(id) was told to take over; whether it has is not known here",
                next: Failure.inquiry(origin.requestID, since: since))
            failure.requestID = origin.requestID
            throw failure
        }
    }

    @discardableResult
    private static func checkIsProxy(_ id: NodeID, in map: ClusterMap) throws(Failure) -> Node {
        let list = "GET /v1/daemon?what=smap lists nodes"
        guard let node = map[id] else {
            throw Failure(.badNode, "there is no node \(id)", next: list)
        }
        guard node.role == .proxy else {
            throw Failure(
                .badNode, "\(id) is a target; only a proxy can be primary", next: list)
        }
        return node
    }

    /// The proxy that may take over, as far as the map says.
    private static func heir(_ id: NodeID, in map: ClusterMap) throws(Failure) -> Node {
        let node = try checkIsProxy(id, in: map)
        guard node.isActive else {
            throw Failure(
                .badNode, "\(id) is in maintenance, so it cannot be primary",
                next: "end its maintenance first, or name another proxy")
        }
        guard !node.flags.contains(.nonElectable) else {
            throw Failure(
                .badNode, "\(id) was started with --non-electable", next: "name another proxy")
        }
        return node
    }
}
