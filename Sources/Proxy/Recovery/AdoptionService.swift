import API
import Base
import Cluster
import Consensus
import HTTP

/// Brings the survivors of a forced recovery into the generation that it has begun: tells them on the side of those who
/// have it, and takes part in it on the other.
///
/// Whoever was away, or did not hear the first word, is told again for as long as it is missing, by whoever leads; or by
/// anybody who has the generation while nobody can lead, because those who are missing are needed for that.
struct AdoptionService: Sendable {
    let survey: RecoverySurvey
    let client: Client
    let loop: EventLoop
    let log: Logger

    private var group: RaftGroup { survey.group }

    // MARK: Telling

    /// Runs until cancelled.
    func run() async {
        var pause = Limits.adoptionSecondsMin
        var attempt = 0
        var complaints: Set<String> = []
        while !Task.isCancelled {
            let refusals = await tell(attempt)
            for refusal in refusals ?? [] where complaints.insert(refusal).inserted {
                log.warning(refusal)
            }
            if complaints.count > Limits.complaintsMax { complaints = [] }
            attempt = refusals == nil ? 0 : attempt + 1
            pause =
                refusals == nil
                ? Limits.keeperSeconds : min(2 * pause, Limits.adoptionSecondsMax)
            await loop.sleep(nanoseconds: UInt64(pause * 1e9))
        }
    }

    /// Tells everybody who is not known to have the generation.
    ///
    /// - Parameter attempt: how often that was done in vain; a survivor may have moved.
    /// - Returns: what those say who do not take part; `nil` when there was nobody to tell.
    @discardableResult
    func tell(_ attempt: Int = 0) async -> [String]? {
        let status = group.status
        guard let origin = status.origin, status.supersededBy == nil, status.stopped == nil,
            status.leader == nil || status.role == .leader
        else { return nil }
        let opened = origin.index.advanced(by: 2)
        let missing = status.configuration.members.filter {
            $0 != status.id && status.matches[$0].map { $0 < opened } ?? true
        }
        guard !missing.isEmpty, var facts = try? await survey.own(), let opening = facts.opening
        else { return nil }
        facts.holdings = Holdings()
        facts.tail = []
        let survivors = missing.filter { opening.configuration.contains($0) }
        guard !survivors.isEmpty else { return nil }
        let body = facts.encoded
        return await withTaskGroup(of: String?.self) { tasks in
            for survivor in survivors {
                tasks.addTask { await tell(survivor, body, attempt) }
            }
            var refusals: [String] = []
            for await refusal in tasks { if let refusal { refusals.append(refusal) } }
            return refusals
        }
    }

    private func tell(_ member: MemberID, _ body: [UInt8], _ attempt: Int) async -> String? {
        guard let endpoint = group.directory.endpoint(of: member, failures: attempt) else {
            return nil
        }
        do {
            let response = try await client.send(
                .post, endpoint, "/v1/daemon/recovery", body: body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutSeconds))
            let answer = try await response.collect(upTo: Limits.nodeDocumentBytes)
            guard response.status != .ok else { return nil }
            let reason = Failure(decoding: answer)?.message ?? "\(response.status.rawValue)"
            return "\(endpoint) does not take part in the new generation: \(reason)"
        } catch {
            log.debug("\(endpoint) is not told of the new generation: \(error)")
            return nil
        }
    }

    // MARK: Taking part

    /// Takes part in the generation that `facts` are of, if this log is the beginning of that one.
    ///
    /// - Throws: when it is not, or when another generation was left.
    func adopt(_ facts: RecoveryFacts) async throws(Failure) {
        let (status, clusterID) = (group.status, survey.published.now.state.map.clusterID)
        guard facts.clusterID == clusterID else {
            throw Failure(
                .wrongCluster,
                "this proxy belongs to cluster \(clusterID), not to \(facts.clusterID)")
        }
        if status.generation == facts.generation, status.supersededBy == nil { return }
        // Whoever began it on what others had cached knows no member of this generation, and nobody else may ever come by.
        if facts.generation > status.generation,
            facts.opening.map({ !$0.configuration.contains(status.id) }) ?? true
        {
            group.raft.receive(
                Envelope(
                    from: facts.member, to: status.id, generation: facts.generation, term: .zero,
                    message: .superseded))
            throw .superseded(by: facts.generation, survey.node)
        }
        guard let opening = facts.opening else {
            throw Failure(.badBody, "the body does not tell how the generation began")
        }
        guard let term = facts.term(at: status.last.index) else {
            throw Failure(.notPrefix(last: status.last), at: survey.node)
        }
        let outcome = await group.raft.adopt(
            Adoption(
                successor: facts.generation, base: Position(opening.base),
                match: LogMark(index: status.last.index, term: term), leader: opening.leader,
                term: opening.term, configuration: opening.configuration))
        switch outcome {
        case .done:
            log.warning(
                "takes part in generation \(facts.generation), begun by a forced recovery")
        case .refused(.recovery(let refusal)):
            throw Failure(refusal, at: survey.node)
        case .refused(let refusal): throw group.failure(refusal)
        case .unknown: throw Failure(.stopping, "this proxy is stopping")
        }
    }
}
