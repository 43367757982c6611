import API
import Base
import Cluster
import Consensus
import MetaStore

/// What founding a new proxy group on a cached state would come to, worked out from what targets have cached. Pure; docs/decisions/0026
/// has the rules.
///
/// A target applies committed entries only, so of one generation the state with the highest position has all that
/// any other has, unless two of them contradict each other. Whether it has all that was *acknowledged* is certain when the cache of
/// every target on the map is known; otherwise the plan says so.
struct FoundingPlan: Sendable {
    /// A target, or what is left of one on a disk.
    struct Witness: Sendable {
        var name: String
        /// Its URL, or a path.
        var place: String
        var isRunning: Bool
        /// A file by itself: the target may have gone on after it was copied.
        var isCopy = false
        var clusterID = ""
        /// The newest generation it has followed, as the beginning of it.
        var followed = LogPosition.zero
        /// `nil`: nothing that can be used.
        var cached: CachedState?
        var problem: String?
        /// Of a file.
        var byteCount = 0

        var position: LogPosition { cached?.state.position ?? .zero }
    }

    /// A node that was asked in vain.
    struct Silent: Equatable, Sendable {
        var node: String
        var url: String
        var reason: String
    }

    struct Question: Sendable {
        /// The founder, as it would be put on the map.
        var founder: Node
        var witnesses: [Witness] = []
        var silentTargets: [Silent] = []
        /// Proxies of the cluster that answer, and those of its maps that do not.
        var livingProxies: [Silent] = []
        var silentProxies: [Silent] = []
        /// The target whose state is to be gone on from; `nil` leaves it to the plan.
        var taken: String?
        /// What the founder's data directory holds already, if anything.
        var presentLog: String?
    }

    /// Two states that cannot both be the cluster's.
    struct Disagreement: Equatable, Sendable {
        var nodes: [String]
        /// The first position known to both at which they differ.
        var position: LogPosition
        var hashes: [UInt64]
    }

    /// Why nothing is founded.
    enum Refusal: Equatable, Sendable {
        case logPresent(String)
        /// No target answers with a state, and no file has one.
        case noState
        case severalClusters([String])
        case proxyAnswers([Silent])
        case unknownTarget(String)
        case disagreement([Disagreement])
        /// The founder's id or address belongs to a target.
        case founderIsTarget(String)
    }

    let question: Question
    /// Those with a state, the best first.
    private(set) var candidates: [Witness] = []
    private(set) var chosen: Witness?
    private(set) var disagreements: [Disagreement] = []
    private(set) var refusal: Refusal?
    /// Of the generation that would begin.
    private(set) var counter: UInt64 = 0

    init(_ question: Question) {
        self.question = question
        candidates = Self.unique(question.witnesses).filter { $0.cached != nil }.sorted {
            ($0.position, $0.problem == nil ? 1 : 0, $1.name)
                > ($1.position, $1.problem == nil ? 1 : 0, $0.name)
        }
        chosen =
            question.taken.map { name in candidates.first { $0.name == name } } ?? candidates.first
        counter =
            1
            + (question.witnesses.flatMap { [$0.position.generation, $0.followed.generation] }.max()
                ?? 0)
        disagreements = Self.disagreements(among: current)
        refusal = firstRefusal()
    }

    /// One word of each target: the newest, a living one's before a file's.
    private static func unique(_ witnesses: [Witness]) -> [Witness] {
        var known: [String: Witness] = [:]
        for witness in witnesses {
            if let present = known[witness.name],
                (present.position, present.isRunning ? 1 : 0)
                    >= (witness.position, witness.isRunning ? 1 : 0)
            {
                continue
            }
            known[witness.name] = witness
        }
        return known.values.sorted { $0.name < $1.name }
    }

    /// The candidates of the highest generation: only they count.
    private var current: [Witness] {
        guard let best = candidates.first?.position else { return [] }
        return candidates.filter { !$0.position.isOfGeneration(before: best) }
    }

    /// Each is held against the best: what the others differ in among themselves says nothing about it.
    private static func disagreements(among witnesses: [Witness]) -> [Disagreement] {
        guard let best = witnesses.first, let here = best.cached else { return [] }
        return witnesses.dropFirst().compactMap { other in
            guard let there = other.cached, let found = difference(here, there) else { return nil }
            return Disagreement(
                nodes: [best.name, other.name], position: found.position, hashes: found.hashes)
        }
    }

    private static func difference(
        _ left: CachedState, _ right: CachedState
    ) -> (position: LogPosition, hashes: [UInt64])? {
        // Both have consecutive indices.
        let start = max(left.base.index, right.base.index)
        let end = min(left.state.position.index, right.state.position.index)
        guard start <= end else { return nil }
        for index in start...end {
            let one = left.points[Int(index - left.base.index)]
            let other = right.points[Int(index - right.base.index)]
            if one.position != other.position || one.hash != other.hash {
                return (one.position, [one.hash, other.hash])
            }
        }
        return nil
    }

    private func firstRefusal() -> Refusal? {
        if let present = question.presentLog { return .logPresent(present) }
        let clusters = Set(
            question.witnesses.map { $0.cached?.clusterID ?? $0.clusterID }.filter { !$0.isEmpty })
        if clusters.count > 1 { return .severalClusters(clusters.sorted()) }
        if candidates.isEmpty { return .noState }
        if !question.livingProxies.isEmpty { return .proxyAnswers(question.livingProxies) }
        guard let map = chosen?.cached?.state.map else {
            return .unknownTarget(question.taken ?? "")
        }
        let founder = question.founder
        let namesake = map.nodes(.target).first {
            $0.id == founder.id || $0.address == founder.address
        }
        if let namesake { return .founderIsTarget(namesake.id.text) }
        if !disagreements.isEmpty, question.taken == nil { return .disagreement(disagreements) }
        return nil
    }

    // MARK: What it comes to

    var recommended: String? { candidates.first?.name }

    var clusterID: String { chosen?.cached?.clusterID ?? candidates.first?.cached?.clusterID ?? "" }

    /// The targets on the map of the state that is gone on from, none of whose caches is known.
    var unseen: [String] {
        let seen = Set(candidates.map(\.name))
        let targets = chosen?.cached?.state.map.nodes(.target) ?? []
        return targets.map(\.id.text).filter { !seen.contains($0) }
    }

    /// The proxies of that map: they are taken off it, and left behind should they come back.
    var lost: [Node] { chosen?.cached?.state.map.nodes(.proxy) ?? [] }

    /// What another cached state has, and the chosen one lacks or has otherwise.
    func lacks(_ other: Witness) -> Holdings.Difference {
        guard let there = other.cached, let here = chosen?.cached else {
            return Holdings.Difference()
        }
        return Holdings(there.state).missing(in: Holdings(here.state))
    }

    var verdict: Forecast.Verdict {
        if refusal != nil { return .blocked }
        return doubts.isEmpty ? .safe : .unsafe
    }

    /// Why something that was acknowledged may be lost.
    var doubts: [String] {
        guard let chosen else { return [] }
        var doubts: [String] = []
        let unseen = unseen
        if !unseen.isEmpty {
            doubts.append(
                "what \(unseen.joined(separator: ", ")) alone has cached is lost, and cannot be named"
            )
        }
        for witness in Self.unique(question.witnesses) {
            if witness.isCopy {
                doubts.append(
                    "of \(witness.name) a copy is known, which may be older than what it had")
            }
            if let problem = witness.problem { doubts.append("\(witness.name): \(problem)") }
            if chosen.position.isOfGeneration(before: witness.followed) {
                doubts.append(
                    "\(witness.name) has followed generation \(witness.followed.generationText), "
                        + "of which this state has nothing")
            }
        }
        if let best = current.first, best.position > chosen.position {
            doubts.append(
                "\(best.name) is at \(best.position.text), and \(chosen.name) at "
                    + chosen.position.text)
        }
        for difference in disagreements { doubts.append(describe(difference)) }
        return doubts
    }

    var reasons: [String] { (refusal.map { [describe($0)] } ?? []) + doubts }

    func describe(_ difference: Disagreement) -> String {
        "\(difference.nodes.joined(separator: " and ")) differ at \(difference.position.text): "
            + difference.hashes.map { Hex.padded($0) }.joined(separator: ", ")
    }

    func describe(_ refusal: Refusal) -> String {
        switch refusal {
        case .logPresent(let what): return "the data directory holds \(what)"
        case .noState:
            let silent = question.silentTargets.map { "\($0.url): \($0.reason)" }
            let useless = question.witnesses.map {
                "\($0.place): \($0.problem ?? "it has cached nothing")"
            }
            return "there is no cached state: " + (silent + useless).joined(separator: "; ")
        case .severalClusters(let ids):
            return "the cached states are of several clusters: \(ids.joined(separator: ", "))"
        case .proxyAnswers(let proxies):
            let names = proxies.map { proxy in
                "\(proxy.node) at \(proxy.url)" + (proxy.reason.isEmpty ? "" : " (\(proxy.reason))")
            }
            return "a proxy of the cluster answers: \(names.joined(separator: ", "))"
        case .unknownTarget(let name): return "\(name) has no cached state that can be used"
        case .disagreement(let all):
            return "cached states contradict each other: "
                + all.map { describe($0) }.joined(separator: "; ")
        case .founderIsTarget(let name):
            return
                "\(question.founder.id) at \(question.founder.address) is target \(name) on the map"
        }
    }

    /// What helps.
    var next: String {
        switch refusal {
        case .logPresent: return "start it without --found-from, or give an empty directory"
        case .noState: return "start the targets, or name the data directories of dead ones"
        case .severalClusters: return "name targets of one cluster"
        case .proxyAnswers(let proxies):
            return "go on with that proxy, whose log has more: curl -sS '\(proxies[0].url)"
                + "/v1/cluster?what=recovery_plan'; or stop it, if its log is not to be gone on with"
        case .unknownTarget, .disagreement:
            return "--take TARGET, one of \(candidates.map(\.name).joined(separator: ", "))"
        case .founderIsTarget: return "give the proxy an id and an address of its own"
        case nil:
            return verdict == .safe
                ? "the same command without --plan" : "the same command with --token \(token)"
        }
    }

    /// Names the facts that the plan rests on: another token, another world.
    var token: String {
        guard refusal == nil, let chosen else { return "" }
        var writer = ByteWriter()
        writer.write(clusterID)
        writer.write(question.founder.id.text)
        writer.write(chosen.name)
        for witness in Self.unique(question.witnesses) {
            writer.write(witness.name)
            witness.followed.write(to: &writer)
            witness.position.write(to: &writer)
            writer.write(witness.cached?.state.hash ?? 0)
            writer.write(witness.problem ?? "")
        }
        for name in unseen + lost.map(\.id.text) { writer.write(name) }
        return Hex.padded(XXH64.digest(writer.bytes))
    }
}

extension FoundingPlan {
    /// The first write of the founder's log, and the generation it begins.
    ///
    /// - Parameters:
    ///   - member: the founder's replica.
    ///   - nonce: random.
    ///   - now: by the founder's clock.
    ///   - token: what the operator has given back.
    /// - Returns: the write; `nil` when the plan is blocked.
    func founding(
        by member: MemberID, nonce: UInt64, now: Timestamp, token: String
    ) -> (batch: WriteBatch<Catalog>, record: RecoveryRecord)? {
        guard refusal == nil, let chosen, let cached = chosen.cached else { return nil }
        let base = cached.state.position
        var founder = question.founder
        founder.member = member.rawValue
        let record = RecoveryRecord(
            generation: .init(counter: counter, nonce: nonce), base: base, chain: 0,
            candidate: founder.id, survivors: [founder.id],
            dead: lost.map(\.id).filter { $0 != founder.id }, committed: base.index, tail: [],
            token: token,
            foundation: RecoveryRecord.Foundation(
                founder: founder, stateHash: cached.state.hash,
                source: "\(chosen.name), \(chosen.place)",
                witnesses: candidates.map { "\($0.name) at \($0.position.text)" }, left: lost))
        let log = LogRecord(
            .recover(record), actor: "martlet proxy --found-from", clientAddress: "",
            requestID: SystemRandom.identifier(), stateIndex: base.index,
            stateHash: cached.state.hash)
        let last = max(cached.lastTime?.nanoseconds ?? 0, cached.written.nanoseconds)
        return (
            Founding.batch(
                by: member, from: cached.state, at: Position(base),
                as: Generation(counter: counter, nonce: nonce), time: max(now.nanoseconds, last),
                record: log.encoded), record
        )
    }
}
