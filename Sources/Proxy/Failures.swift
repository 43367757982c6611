import API
import Base
import Cluster
import Consensus
import HTTP

// The one place where a proxy's inner answers become failures that clients see.

extension Failure {
    /// No `default`: a new case does not compile until someone chooses its code.
    init(_ rejection: Rejection) {
        switch rejection {
        case .alreadyFounded(let clusterID):
            self.init(.alreadyFounded, "the cluster \(clusterID) is founded already")
        case .notFounded: self.init(.notFounded, "there is no cluster yet")
        case .bucketExists(let bucket):
            self.init(
                .bucketExists, "bucket \(bucket) already exists",
                next: "HEAD /v1/buckets/\(bucket.name) shows its properties")
        case .noSuchBucket(let bucket): self = .noSuchBucket(bucket)
        case .noSuchNode(let id):
            self.init(
                .nodeNotFound, "there is no node \(id)",
                next: "GET /v1/daemon?what=smap lists nodes")
        case .addressTaken(let address, let other):
            self.init(
                .addressTaken, "address \(address) belongs to node \(other)",
                next: "another port, or DELETE /v1/cluster/daemon/\(other) first")
        case .roleDiffers(let id, let role):
            self.init(.roleDiffers, "node \(id) is a \(role.text)", next: "choose another id")
        case .isPrimary(let id):
            self.init(
                .isPrimary, "\(id) is the primary", next: "make another proxy primary first")
        case .changedMeanwhile(let document, let version):
            self.init(
                .preconditionFailed, "\(document.word) has version \(version) now",
                next: "look at it, and repeat the change if it is still meant")
        case .sessionExpired(let id):
            self.init(
                .sessionExpired,
                "there is no session \(id.text) any more; what its requests came to is not known "
                    + "from it",
                next: "look before you repeat anything, in a new session: "
                    + "POST /v1/cluster/sessions")
        case .sequenceForgotten(let sequence):
            self.init(
                .sequenceForgotten,
                "requests up to number \(sequence) of the session are not known any more; this one "
                    + "may have been made, and is not made again",
                next: "look before you repeat it; at most \(Session.outcomesMax) requests at once")
        case .tooManySessions(let count):
            self.init(
                .overloaded, "there are \(count) sessions", next: "close some, or use one for more")
        case .refused(let code, let message):
            self.init(FailureCode(rawValue: code) ?? .unknown, message)
        case .inBatch(let change, let rejection):
            self = Failure(rejection).inBatch(change: change)
        case .maintenanceIs(let isOn, let id):
            self.init(
                .badNode, "node \(id) is \(isOn ? "" : "not ")in maintenance",
                next: "nothing was changed; GET /v1/daemon?what=smap shows who is")
        case .tooFewTargets(let count):
            self.init(
                .badRequest, "a rebalance needs two active targets; there are \(count)",
                next: "add a target, or end the maintenance of one")
        case .notSuccessor(let asked, let current):
            self.init(
                .olderGeneration,
                "generation \(asked.counter) does not follow the present one, \(current.counter)")
        }
    }

    static func noSuchBucket(_ bucket: Bucket) -> Failure {
        Failure(
            .bucketNotFound, "bucket \(bucket) does not exist",
            next: #"create it: POST /v1/buckets/\#(bucket.name) {"action":"createlb"}"#)
    }

    static func denied(_ verb: String, _ bucket: Bucket) -> Failure {
        Failure(
            .accessDenied, "bucket \(bucket) does not permit \(verb)",
            next: "HEAD /v1/buckets/\(bucket.name) shows its access mask")
    }

    static func notImplemented(_ what: String) -> Failure {
        Failure(
            .notImplemented, "\(what) is not served by this build",
            next: "GET /v1/help shows which operations are")
    }

}

extension Failure {
    /// No `default`: a new case does not compile until someone chooses its code.
    init(_ refusal: RecoveryRefusal, at node: Node) {
        let again = "GET /v1/cluster?what=recovery_plan shows how things stand"
        switch refusal {
        case .otherGeneration(let generation):
            self.init(
                .planChanged, "\(node.id) is of generation \(generation), not the one expected",
                next: again)
        case .otherLast(let mark):
            self.init(
                .planChanged, "the log of \(node.id) ends at \(mark), not where the plan saw it",
                next: again)
        case .notPrefix(let mark):
            self.init(
                .recoveryRefused,
                "the log of \(node.id), which ends at \(mark), is not the beginning of the log that "
                    + "the new generation goes on from",
                next: Self.rejoinLine(node))
        case .notSuccessor(let generation):
            self.init(
                .planChanged, "\(node.id) is of generation \(generation), which is not followed",
                next: again)
        case .superseded(let generation): self = .superseded(by: generation, node)
        case .notVoter:
            self.init(
                .recoveryRefused, "\(node.id) does not vote, and may lack what was committed",
                next: again)
        case .receivingSnapshot:
            self.init(
                .recoveryRefused, "\(node.id) has half of a snapshot, and no whole log",
                next: again)
        case .leaderIsHeard(let member):
            self.init(
                .quorumReachable,
                "\(node.id) hears the primary, member \(member): nothing has to be forced",
                next: "PUT /v1/cluster/proxy/ID makes another proxy primary")
        case .bringsStrangers(let members), .dropsVoters(let members):
            self.init(
                .planChanged, "the voters have changed since the plan: \(members)", next: again)
        case .notNamed:
            self.init(
                .recoveryRefused, "the new generation does not name \(node.id) among its members",
                next: Self.rejoinLine(node))
        }
    }

    /// Why a plan is not carried out.
    init(_ refusal: RecoveryPlan.Refusal, _ plan: RecoveryPlan) {
        let code: FailureCode =
            switch refusal {
            case .quorumReachable: .quorumReachable
            case .superseded: .olderGeneration
            case .noCandidate, .unfit, .unknownCandidate: .recoveryRefused
            }
        self.init(code, plan.describe(refusal), next: plan.next)
    }

    /// How a proxy that was left behind comes back.
    static func rejoinLine(_ node: Node) -> String {
        "curl -X PUT '\(node.address.url)/v1/daemon/proxy/PRIMARY?frc=true&can=http://PRIMARY' with the id and the "
            + "URL of the new primary sets this proxy's log aside as a branch, and joins anew"
    }

    /// How to look for a request whose outcome is in doubt, which lies behind `since` and in its term if anywhere.
    static func inquiry(_ requestID: String, since position: LogPosition) -> String {
        "look before you repeat it: GET /v1/cluster?what=history&\(QueryName.requestID)="
            + "\(PercentCoding.encoded(requestID))&\(QueryName.since)=\(position.text)"
    }

    /// A request that is bound to a term, and has come in another one.
    static func termPassed(now term: TermMark) -> Failure {
        Failure(
            .termPassed,
            "the request was to be taken in another term only; it is \(term) now, and nothing was done",
            next: "bind it to the position of a newer answer (\(HeaderName.term)), or leave that "
                + "header out")
    }

    static func superseded(by generation: Generation, _ node: Node) -> Failure {
        Failure(
            .olderGeneration,
            "\(node.id) was left behind by a forced recovery: generation \(generation) exists",
            next: rejoinLine(node))
    }
}

extension RaftGroup {
    /// Why there is no primary: a majority is missing (who, and since when), or an election is under way.
    func noPrimary() -> Failure {
        let status = status
        if let members = status.majorityWithoutSpace { return failure(.noSpace(members)) }
        if let generation = status.supersededBy {
            return .superseded(by: generation, node)
        }
        let voters = status.configuration.voters
        guard !voters.isEmpty else {
            return Failure(
                .starting, "this proxy has not been added to a cluster yet",
                next: "GET /v1/health?readiness=true tells when it has")
        }
        let missing = missingVoters()
        let names = missing.map { missing in
            let node = directory.node(of: missing.member)
            let name = node.map { "\($0.id) at \($0.address.url)" } ?? "member \(missing.member)"
            let since = Text.time(missing.since.wallTime)
            return missing.wasHeard
                ? "\(name), not heard since \(since)"
                : "\(name), not heard since this proxy started at \(since)"
        }
        // Who does not vote hears nobody but the primary, and cannot know what the majority does.
        let votes = status.configuration.isVoter(status.id)
        guard votes, voters.count - missing.count < status.configuration.quorum else {
            return Failure(
                .noPrimary,
                missing.isEmpty
                    ? "no proxy is primary right now: an election is under way"
                    : "no primary is reached from here: an election is under way, or it is one of "
                        + "those out of reach: \(names.joined(separator: "; "))",
                next: "try again in a moment, or ask another proxy")
        }
        return Failure(
            .noQuorum,
            "metadata cannot be changed without a majority of the \(voters.count) voting proxies; "
                + "missing: \(names.joined(separator: "; "))",
            next: "start the missing proxies again; objects can be read and written meanwhile")
    }

    /// What a refusal of the local member means for a client.
    func failure(_ refusal: Refusal) -> Failure {
        switch refusal {
        case .notLeader: noPrimary()
        case .otherTerm(let term): .termPassed(now: term)
        case .busy:
            Failure(.overloaded, "too many changes are under way", next: "try again in a moment")
        case .noSpace(let members):
            .metadataDiskFull(
                "nothing can be changed before there is room on "
                    + members.map { directory.node(of: $0)?.id.text ?? "member \($0)" }
                    .joined(separator: ", "),
                next:
                    "make room on the disks of the data directories; the proxies notice by themselves"
            )
        case .unreadable(let found):
            status.supersededBy.map { .superseded(by: $0, node) }
                ?? .unreadable(found, dataPath: dataPath)
        case .wrongState(let index): .wrongState(from: index.rawValue)
        case .tooLarge(let bytes, let max):
            Failure(.bodyTooLarge, "the change has \(bytes) bytes, more than \(max)")
        case .transferring(let member):
            Failure(
                .noPrimary,
                "the primary is handing over to \(directory.node(of: member)?.id.text ?? "\(member)")",
                next: "try again in a moment")
        case .stopped: Failure(.stopping, "this proxy is stopping")
        case .lost, .timedOut: noPrimary()
        case .membership(let refusal):
            Failure(
                .changingMembers, "the voting proxies cannot be changed now", cause: "\(refusal)")
        case .recovery(let refusal):
            Failure(
                .recoveryRefused, "this proxy does not begin or adopt the generation",
                cause: "\(refusal)")
        }
    }
}

extension Failure {
    /// `index` is the first entry after which the state here is known not to be that of the others.
    static func wrongState(from index: UInt64) -> Failure {
        Failure(
            .starting,
            "this proxy's state differs from that of the others after entry \(index); it serves nothing before it "
                + "has theirs")
    }

    static func metadataDiskFull(_ trouble: String, next: String) -> Failure {
        Failure(.metadataDiskFull, "the disk of the metadata is full: \(trouble)", next: next)
    }
}

enum Text {
    /// Names in a sentence: `t1`, `t1 and t2`, `t1, t2 and t3`.
    static func list(_ names: [String]) -> String {
        guard names.count > 1, let last = names.last else { return names.first ?? "" }
        return "\(names.dropLast().joined(separator: ", ")) and \(last)"
    }

    /// A moment as people read it, in UTC.
    static func time(_ time: Timestamp) -> String {
        TimeLayout.text(time, layout: "2006-01-02T15:04:05Z")
    }
}
