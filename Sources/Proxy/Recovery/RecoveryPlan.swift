import API
import Base
import Cluster
import Consensus

/// What a forced recovery would do, worked out from what the proxies' logs say. Pure; docs/decisions/0022 has the rules.
///
/// The one thing it must not get wrong is which log goes on. Logs of one generation are ordered by (term, index) of their
/// last entries; the highest of those that are known holds every entry that any of them knows to be committed (Raft
/// §5.4.1). Whether it holds *all* that was committed is certain when so many voters' logs are known that no majority
/// was possible without one of them; otherwise the plan says so.
struct RecoveryPlan: Equatable, Sendable {
    /// What the plan is made of.
    struct Question: Equatable, Sendable {
        var clusterID = ""
        /// Of proxies that answered, and of files.
        var witnesses: [RecoveryFacts] = []
        var silent: [Silent] = []
        /// What the map calls the members.
        var names: [MemberID: String] = [:]
        /// The proxy that is to go on; `nil` leaves it to the plan.
        var candidate: String?
        /// Go on although a majority answers.
        var overridesQuorum = false
    }

    /// A proxy that did not answer.
    struct Silent: Equatable, Sendable {
        var node: String
        var url: String
        var member: MemberID
        var reason: String
        /// When it was last heard; empty when it never was.
        var since: String
    }

    /// A log that might be gone on with.
    struct Candidate: Equatable, Sendable {
        var facts: RecoveryFacts
        /// Why it cannot be; empty when it can.
        var obstacles: [String] = []
        var shortfalls: [Shortfall] = []

        var isLearner: Bool { facts.configuration.isLearner(facts.member) }
    }

    /// What one log has that the candidate's lacks.
    struct Shortfall: Equatable, Sendable {
        /// Who has it, and whether that is a file.
        var witness: String
        var isFile: Bool
        /// Entries behind the last one in common.
        var entries: UInt64
        var lost: Holdings.Difference
        /// What the other has removed or changed since, and would be again as it was.
        var returning: Holdings.Difference
    }

    /// Whether a majority answers that could go on without force.
    struct Quorum: Equatable, Sendable {
        var voters: [String] = []
        var needed = 0
        var answering: [String] = []
        /// Somebody leads, or hears somebody who does.
        var leader: String?

        var isReachable: Bool { leader != nil || (needed > 0 && answering.count >= needed) }
    }

    /// Why nothing is done.
    enum Refusal: Equatable, Sendable {
        case quorumReachable
        /// Nobody answers who could go on.
        case noCandidate
        case unknownCandidate(String)
        case unfit(String, [String])
        /// A recovery was made already.
        case superseded(by: Generation)
    }

    let question: Question
    /// The generation that would be left behind.
    private(set) var generation = Generation.none
    private(set) var candidates: [Candidate] = []
    private(set) var recommended: String?
    private(set) var quorum = Quorum()
    private(set) var refusal: Refusal?
    /// Who votes on: the candidate, and those whose log is the beginning of its own.
    private(set) var survivors: [RecoveryFacts] = []
    /// Living proxies that hold something else, and begin anew.
    private(set) var rejoining: [RecoveryFacts] = []
    /// Voters that did not answer.
    private(set) var dead: [MemberID] = []
    /// Voters whose log nobody has seen: what only they have is lost, and nobody can name it.
    private(set) var unseen: [MemberID] = []

    init(_ question: Question) {
        self.question = question
        let known = Self.unique(question)
        generation = known.map(\.generation).max() ?? .none
        let current = known.filter { $0.generation == generation && generation != .none }
        candidates = current.filter(\.isRunning).map { Candidate($0, among: current, question) }
        standInForVoters()
        recommended = best(among: current)?.facts.name
        quorum = Self.quorum(current, question)
        if let later = known.compactMap(\.supersededBy).max(), later > generation {
            refusal = .superseded(by: later)
        }
        guard let chosen = choose() else { return }
        group(around: chosen, current)
        if refusal == nil, quorum.isReachable, !question.overridesQuorum {
            refusal = .quorumReachable
        }
    }

    /// A learner's log is the beginning of some leader's, as a voter's is, so that one can be gone on with; but nobody has waited
    /// for it before a change was acknowledged. It is for when no voter is left that could go on.
    private mutating func standInForVoters() {
        if candidates.contains(where: { $0.obstacles.isEmpty && $0.facts.isVoter }) {
            for place in candidates.indices where candidates[place].isLearner {
                candidates[place].obstacles.append(
                    "it is a learner, and may lack what was committed without it")
            }
        }
    }

    /// The highest log, of those that have everything that any log knows to be committed: a log can end with a later term and
    /// still lack what was committed after that.
    private func best(among current: [RecoveryFacts]) -> Candidate? {
        let witness = current.max { $0.commit < $1.commit }
        let fit = candidates.filter { $0.obstacles.isEmpty }
        let whole = fit.filter { candidate in
            witness.map { candidate.facts.hasCommitted($0) } ?? true
        }
        return (whole.isEmpty ? fit : whole).max { left, right in
            let (one, other) = (left.facts, right.facts)
            return (one.last.term, one.last.index, other.name)
                < (other.last.term, other.last.index, one.name)
        }
    }

    /// One word of each member, a living one's before a file's, and nothing of other clusters.
    private static func unique(_ question: Question) -> [RecoveryFacts] {
        var known: [MemberID: RecoveryFacts] = [:]
        for facts in question.witnesses where facts.clusterID == question.clusterID {
            if let present = known[facts.member] {
                if present.isRunning, !facts.isRunning { continue }
                if present.isRunning == facts.isRunning,
                    (present.last.term, present.last.index) >= (facts.last.term, facts.last.index)
                {
                    continue
                }
            }
            known[facts.member] = facts
        }
        return known.values.sorted { $0.member < $1.member }
    }

    private static func quorum(_ current: [RecoveryFacts], _ question: Question) -> Quorum {
        let living = current.filter {
            $0.isRunning && $0.supersededBy == nil && $0.obstacle == nil
        }
        // The newest log knows the configuration that counts.
        let newest = living.max {
            ($0.last.term, $0.last.index) < ($1.last.term, $1.last.index)
        }
        guard let newest else { return Quorum() }
        let voters = newest.configuration.voters
        var quorum = Quorum()
        quorum.voters = voters.map { question.name(of: $0) }.sorted()
        quorum.needed = newest.configuration.quorum
        quorum.answering = living.filter { voters.contains($0.member) }.map(\.name).sorted()
        quorum.leader = living.compactMap(\.leader).first.map { question.name(of: $0) }
        return quorum
    }

    private mutating func choose() -> Candidate? {
        let name = question.candidate ?? recommended
        guard let name else {
            // Everybody is there, and stands still before the same entry.
            let blocked = candidates.first { $0.facts.unreadable != nil && $0.facts.isVoter }
            refusal =
                refusal ?? blocked.map { .unfit($0.facts.name, $0.obstacles) } ?? .noCandidate
            return nil
        }
        guard let chosen = candidates.first(where: { $0.facts.name == name }) else {
            refusal = refusal ?? .unknownCandidate(name)
            return nil
        }
        if !chosen.obstacles.isEmpty { refusal = refusal ?? .unfit(name, chosen.obstacles) }
        return chosen
    }

    private mutating func group(around chosen: Candidate, _ current: [RecoveryFacts]) {
        let voters = chosen.facts.configuration.voters
        let group = voters + (chosen.isLearner ? [chosen.facts.member] : [])
        for facts in current where facts.isRunning && group.contains(facts.member) {
            let isFit = facts.supersededBy == nil && facts.obstacle == nil
            if facts.member == chosen.facts.member || (isFit && chosen.facts.contains(facts)) {
                survivors.append(facts)
            } else {
                rejoining.append(facts)
            }
        }
        let answering = Set((survivors + rejoining).map(\.member))
        dead = voters.filter { !answering.contains($0) }
        let seen = Set(current.map(\.member))
        unseen = voters.filter { !seen.contains($0) }
    }

    // MARK: What it comes to

    var chosen: Candidate? {
        let name = question.candidate ?? recommended
        return candidates.first { $0.facts.name == name }
    }

    /// The group that goes on: voters that do not answer leave it, and nobody else (FS-10); learners stay.
    var configuration: Configuration {
        let voters = survivors.map(\.member)
        let learners = chosen?.facts.configuration.learners ?? []
        return Configuration(voters: voters, learners: learners.filter { !voters.contains($0) })
    }

    /// How many of the group that goes on may fail before nothing can be changed.
    var survivesThen: Int { survivors.isEmpty ? 0 : survivors.count - configuration.quorum }

    /// Whether something is lost that can be named: then only the token of this very plan does it.
    var losesSomething: Bool { chosen.map { !$0.shortfalls.isEmpty } ?? false }

    /// Whether a learner goes on: nothing that is asked for without a plan leads to that.
    var takesLearner: Bool { chosen?.isLearner ?? false }

    /// Whether no majority can have existed without one of the logs that are known.
    private var isWholeKnown: Bool {
        guard let chosen else { return false }
        return unseen.count < chosen.facts.configuration.quorum
    }

    var verdict: Forecast.Verdict {
        if refusal != nil { return .blocked }
        let isForcedPast = quorum.isReachable && question.overridesQuorum
        return losesSomething || !isWholeKnown || isForcedPast ? .unsafe : .safe
    }

    /// The reasons for the verdict, in sentences.
    var reasons: [String] {
        var reasons: [String] = []
        if let refusal { reasons.append(describe(refusal)) }
        guard let chosen else { return reasons }
        if quorum.isReachable, question.overridesQuorum {
            reasons.append("a majority answers, and is passed over")
        }
        if chosen.isLearner {
            reasons.append(
                "no voter is left that could go on; \(chosen.facts.name) is a learner, and nobody "
                    + "has waited for it before a change was acknowledged")
        }
        for shortfall in chosen.shortfalls {
            reasons.append(
                "\(shortfall.witness) has \(shortfall.entries) entries that "
                    + "\(chosen.facts.name) lacks")
        }
        if !isWholeKnown {
            let names = unseen.map { question.name(of: $0) }.sorted().joined(separator: ", ")
            reasons.append(
                "what only \(names) have is lost, and cannot be named: read their logs with "
                    + "'martlet recovery inspect' if their disks are left")
        }
        return reasons
    }

    /// What the candidate lacks, by name.
    var losses: String {
        (chosen?.shortfalls ?? []).map { shortfall in
            let lost = shortfall.lost
            let parts = [
                ("buckets", lost.buckets), ("settings", lost.settings), ("nodes", lost.nodes),
            ].filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1.prefix(20).joined(separator: ", "))" }
            return "\(shortfall.witness) alone has "
                + (parts.isEmpty
                    ? "\(shortfall.entries) entries" : parts.joined(separator: "; "))
        }.joined(separator: ". ")
    }

    func describe(_ refusal: Refusal) -> String {
        switch refusal {
        case .quorumReachable:
            if let leader = quorum.leader {
                return
                    "\(leader) is the primary, and a majority follows it: nothing has to be forced"
            }
            return "a majority of the \(quorum.voters.count) voting proxies answers: "
                + quorum.answering.joined(separator: ", ")
        case .noCandidate:
            return "no voting proxy of generation \(generation), the highest known, answers"
        case .unknownCandidate(let name): return "\(name) does not answer as a proxy of the cluster"
        case .unfit(let name, let obstacles):
            return "\(name) cannot go on: \(obstacles.joined(separator: "; "))"
        case .superseded(let generation):
            return "a recovery was made already: generation \(generation)"
        }
    }

    /// Names the facts that the plan rests on: another token, another world (FS-07).
    var token: String {
        guard let chosen, refusal == nil else { return "" }
        var writer = ByteWriter()
        writer.write(question.clusterID)
        writer.write(chosen.facts.member.rawValue)
        writer.write(question.overridesQuorum)
        for facts in Self.unique(question) {
            writer.write(facts.member.rawValue)
            writer.write(facts.generation.counter)
            writer.write(facts.generation.nonce)
            writer.write(facts.last.term.rawValue)
            writer.write(facts.last.index.rawValue)
            writer.write(facts.isRunning)
        }
        for member in survivors.map(\.member) + dead { writer.write(member.rawValue) }
        return Hex.padded(XXH64.digest(writer.bytes))
    }
}

extension RecoveryPlan.Candidate {
    fileprivate init(
        _ facts: RecoveryFacts, among current: [RecoveryFacts], _ question: RecoveryPlan.Question
    ) {
        self.facts = facts
        if let reason = facts.obstacle { obstacles.append(reason) }
        if let later = facts.supersededBy {
            obstacles.append("it was left behind by generation \(later)")
        }
        if !facts.configuration.contains(facts.member) {
            obstacles.append("it is no member of the group that its own log names")
        }
        for other in current where other.member != facts.member && !facts.contains(other) {
            // What stands in no log behind the last entry in common is no loss.
            guard other.last.index > .zero else { continue }
            let common = facts.common(with: other)
            let isBehind = other.contains(facts)
            shortfalls.append(
                RecoveryPlan.Shortfall(
                    witness: other.isRunning ? other.name : "the log of \(other.name)",
                    isFile: !other.isRunning,
                    entries: UInt64(other.last.index.distance(from: common)),
                    lost: other.holdings.missing(in: facts.holdings),
                    returning: isBehind
                        ? facts.holdings.missing(in: other.holdings) : Holdings.Difference()))
        }
    }
}

extension RecoveryPlan.Question {
    /// A member as people know it.
    func name(of member: MemberID) -> String {
        if let facts = witnesses.first(where: { $0.member == member }), !facts.node.isEmpty {
            return facts.node
        }
        return names[member] ?? "member \(member)"
    }
}
