import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import MetaStore

/// `martlet proxy --found-from`: a new proxy group on what targets have cached, when every proxy is lost (decision 0026).
struct FoundingFromTargets {
    let wish: FoundingWish
    let founder: Node
    let log: Logger

    /// Nothing was founded, and nothing is changed.
    struct Refused: Error, CustomStringConvertible {
        let reason: String
        let next: String
        var description: String { "nothing is founded: \(reason); next: \(next)" }
    }

    /// Asks everybody, and refuses what the plan does not allow. Nothing is touched by that.
    func plan() async throws(Refused) -> FoundingPlan {
        let plan = FoundingPlan(await FoundingSurvey(wish: wish, founder: founder).question())
        try check(plan)
        return plan
    }

    /// The log to start from: founded now, or by this very act before.
    ///
    /// - Parameters:
    ///   - opened: what the directory holds.
    ///   - early: the plan, if it was made before the directory was touched.
    /// - Returns: the log, and what it holds now.
    /// - Throws: ``Refused``, or what the disk has to say.
    func start(
        _ opened: MetadataDirectory.Opened, _ early: FoundingPlan?
    ) async throws -> MetadataDirectory.Opened {
        let recovered = opened.recovered
        guard recovered.hardState == .initial, recovered.base == .empty else {
            try Self.checkPresent(recovered, founder.id)
            log.info("resuming as member \(opened.log.member) at entry \(recovered.lastIndex)")
            return opened
        }
        let plan: FoundingPlan
        if let early { plan = early } else { plan = try await self.plan() }
        try carryOut(plan, in: opened.log)
        return MetadataDirectory.Opened(
            log: opened.log, recovered: try opened.log.load(), findings: opened.findings)
    }

    /// Makes the founding write in a blank log.
    func carryOut(_ plan: FoundingPlan, in storage: SQLiteLog) throws {
        guard
            let (batch, record) = plan.founding(
                by: storage.member, nonce: SystemRandom.word(), now: .now(), token: plan.token)
        else { return }
        try storage.write(batch)
        log.warning(
            "founds generation \(record.generation.counter) of cluster \(plan.clusterID) from "
                + "\(record.base.text), as \(record.foundation?.source ?? "") had it; without "
                + plan.lost.map(\.id.text).joined(separator: ", "))
        for doubt in plan.doubts { log.warning("passed over: \(doubt)") }
    }

    /// As with every forced recovery: what is certain needs no more words, anything else the token of the plan that says what may be
    /// lost.
    func check(_ plan: FoundingPlan) throws(Refused) {
        if let refusal = plan.refusal {
            throw Refused(reason: plan.describe(refusal), next: plan.next)
        }
        if wish.token.isEmpty {
            guard plan.verdict == .safe else {
                throw Refused(
                    reason: "something may be lost: \(plan.doubts.joined(separator: "; "))",
                    next: plan.next)
            }
        } else if wish.token != plan.token {
            throw Refused(
                reason: "what targets have cached, or who answers, is not what it was in the plan",
                next: "look at it again, with --plan; its token is \(plan.token) now")
        }
    }

    /// What would be done. The data directory is looked at, and not touched.
    static func plan(_ settings: ProxySettings, _ wish: FoundingWish) async -> FoundingPlan {
        let founder = Node(id: settings.id, role: .proxy, address: settings.advertised)
        var question = await FoundingSurvey(wish: wish, founder: founder).question()
        let path = "\(settings.dataPath)/\(SQLiteLog.fileName)"
        if FileManager.default.fileExists(atPath: path) {
            do {
                let facts = try RecoveryFacts.read(database: path)
                if facts.generation != .none {
                    question.presentLog = describe(facts.generation, facts.clusterID)
                }
            } catch {
                question.presentLog = "a log: \(error)"
            }
        }
        return FoundingPlan(question)
    }

    /// - Throws: when the log that is there was not founded by this very act: it is not silently gone on with, nor given up.
    static func checkPresent(
        _ recovered: RecoveredState<Catalog>, _ id: NodeID
    ) throws(Refused) {
        let generation = recovered.hardState.generation
        let isFounded = recovered.recoveries.contains {
            $0.generation.counter == generation.counter && $0.generation.nonce == generation.nonce
                && $0.foundation?.founder.id == id
        }
        guard !isFounded else { return }
        throw Refused(
            reason: "the data directory holds "
                + describe(generation, recovered.image?.map.clusterID ?? ""),
            next: "start it without --found-from, or give an empty directory")
    }

    private static func describe(_ generation: Generation, _ clusterID: String) -> String {
        "a log of generation \(generation)"
            + (clusterID.isEmpty ? "" : " of cluster \(clusterID)")
    }
}
