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
        while !Task.isCancelled {
            let isMissing = await tell()
            pause = isMissing ? min(2 * pause, Limits.adoptionSecondsMax) : Limits.keeperSeconds
            await loop.sleep(nanoseconds: UInt64(pause * 1e9))
        }
    }

    /// Tells everybody who is not known to have the generation.
    ///
    /// - Returns: whether there is anybody.
    @discardableResult
    func tell() async -> Bool {
        let status = group.status
        guard let origin = status.origin, status.supersededBy == nil, status.stopped == nil,
            status.leader == nil || status.role == .leader
        else { return false }
        let opened = origin.index.advanced(by: 2)
        let missing = status.configuration.members.filter {
            $0 != status.id && status.matches[$0].map { $0 < opened } ?? true
        }
        guard !missing.isEmpty, var facts = try? await survey.own(), let opening = facts.opening
        else { return false }
        facts.holdings = Holdings()
        facts.tail = []
        let survivors = missing.filter { opening.configuration.contains($0) }
        let body = facts.encoded
        await withTaskGroup(of: Void.self) { tasks in
            for survivor in survivors {
                tasks.addTask { await tell(survivor, body) }
            }
        }
        return !survivors.isEmpty
    }

    private func tell(_ member: MemberID, _ body: [UInt8]) async {
        guard let endpoint = group.directory.endpoint(of: member, failures: 0) else { return }
        do {
            let response = try await client.send(
                .post, endpoint, "/v1/daemon/recovery", body: body,
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds,
                    responseSeconds: Limits.fanOutSeconds))
            let answer = try await response.collect(upTo: Limits.nodeDocumentBytes)
            guard response.status != .ok else { return }
            log.info(
                "\(endpoint) does not take part in the new generation: "
                    + (Failure(decoding: answer)?.message ?? "\(response.status.rawValue)"))
        } catch {
            log.debug("\(endpoint) is not told of the new generation: \(error)")
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
