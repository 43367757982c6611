import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import Glibc
import MetaStore

/// `martlet recovery repair`: the log has an entry that it cannot go on with. Either it cannot be trusted: the last survivor's start has set the
/// log aside, and waits for others to have it again from. Or no proxy can read it, and all stand still before it. The log is cut
/// there, and goes on as a new generation at once: a member that has forgotten what it acknowledged must not take part in the old
/// one, and the others have the entry still.
///
/// All of it is done to a copy, which replaces the log in one step; the log itself is kept as a branch.
struct RecoveryRepair {
    let data: String
    /// The first bad entry, named by whoever has read what is lost with it; `nil` changes nothing.
    let consent: UInt64?
    /// Give up what a later version can read as well.
    var givesUpNewer = false
    /// Give up the stored state, which cannot be read, and have it again from the log or from others.
    var renewsState = false

    struct Refused: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    var log: String { "\(data)/\(SQLiteLog.fileName)" }
    var copy: String { "\(log).repair" }

    /// - Returns: the report, with a newline behind it.
    func run() async throws -> [UInt8] {
        let source = try damagedLog()
        do throws(DatabaseError) {
            try SQLiteLog.fold(source)
        } catch {
            guard error.kind == .locked else { throw error }
            throw Refused("\(data) is in use: stop the proxy first (\(error))")
        }
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.copyItem(atPath: source, toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        if let renewal = try SQLiteLog.renewState(copy, writes: false) {
            return try renew(renewal, source)
        }
        guard !renewsState else {
            throw Refused("the state in \(source) can be read: nothing was changed")
        }
        guard let salvage = try SQLiteLog.salvage(copy, cuts: consent != nil) else {
            throw Refused("no entry of \(source) is damaged or cannot be read: start the proxy")
        }
        guard let consent else { return report(salvage, nil, nil) }
        guard consent == salvage.firstBad.rawValue else {
            throw Refused(
                "the first bad entry is \(salvage.firstBad), not \(consent): look at the report again"
            )
        }
        guard salvage.trouble != .newer || givesUpNewer else {
            throw Refused(
                "\(salvage.reason). A later version has written it: upgrade this proxy and start it, and nothing is given up. Only where that "
                    + "version is not to be had any more: the same again with --give-up-newer")
        }
        let generation = try await begin()
        try SQLiteLog.fold(copy)
        let branch = try replace(source)
        return report(salvage, generation, branch)
    }

    /// The log, or the one that was set aside for its damage, when nothing has taken its place.
    private func damagedLog() throws -> String {
        guard let aside = MetadataDirectory.newestSetAside(in: data) else { return log }
        guard access(log, F_OK) == 0 else { return aside }
        guard try isBlank(log) else { return log }
        // Nothing of the blank log may be taken for a part of what replaces it.
        try SQLiteLog.fold(log)
        return aside
    }

    private func isBlank(_ path: String) throws -> Bool {
        do {
            return try RecoveryFacts.read(database: path).last.index == .zero
        } catch is DecodingFailure {
            // There is a state, and it cannot be read.
            return false
        } catch let error as DatabaseError where error.kind == .foreign {
            return false
        }
    }

    /// Begins a generation of this member alone in the copy.
    private func begin() async throws -> Generation {
        let facts = try RecoveryFacts.read(database: copy)
        let storage = try SQLiteLog(path: copy, newMember: nil)
        let recovered = try storage.load()
        let (state, names) = (recovered.image ?? ClusterState(), recovered.furthestState.map)
        guard let candidate = NodeID(facts.node) else {
            throw Refused("the map in \(log) does not have this proxy: it cannot go on from it")
        }
        let others = facts.configuration.voters.filter { $0 != facts.member }
        let plan = RecoveryPlan(
            RecoveryPlan.Question(
                clusterID: facts.clusterID, witnesses: [Self.running(facts)],
                names: Dictionary(
                    others.compactMap { member in
                        names.node(member: member.rawValue).map { (member, $0.id.text) }
                    }, uniquingKeysWith: { $1 }), candidate: facts.node,
                // Whoever repairs has looked whether the others live; nobody answers here.
                overridesQuorum: true))
        if let refusal = plan.refusal { throw Refused(plan.describe(refusal)) }
        let recovery = ForcedRecovery(
            plan, facts, candidate: candidate, nonce: SystemRandom.word(),
            for: MetadataService.Origin(actor: "martlet recovery repair"), state)
        let driver = try Driver(
            id: facts.member, storage: storage, machine: Catalog(), wire: NoWire(),
            executors: Driver<SQLiteLog, NoWire>.Executors(
                pipeline: { $0() }, storage: { $0() }), seed: SystemRandom.word(),
            clock: { Timestamp.now().nanoseconds }, observe: { _ in })
        let outcome = await driver.recover(recovery)
        _ = await driver.stop()
        guard case .done = outcome else { throw Refused("nothing was changed: \(outcome)") }
        return recovery.successor
    }

    /// A log that nobody runs, taken for one that somebody does: here, in a moment.
    private static func running(_ facts: RecoveryFacts) -> RecoveryFacts {
        var facts = facts
        facts.isRunning = true
        return facts
    }

    /// Keeps the damaged log as a branch, and puts the copy in the log's place by one rename.
    func replace(_ source: String) throws -> String {
        let folder = "\(data)/\(Branch.folder)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        var branch = "\(folder)/damaged.db"
        var copies = 1
        while access(branch, F_OK) == 0 {
            copies += 1
            branch = "\(folder)/damaged-\(copies).db"
        }
        guard link(source, branch) == 0 else {
            throw Refused("cannot keep \(source) as \(branch): \(String(cString: strerror(errno)))")
        }
        try flush(copy)
        try flush(folder)
        guard rename(copy, log) == 0 else {
            throw Refused("cannot replace \(log): \(String(cString: strerror(errno)))")
        }
        if source != log { unlink(source) }
        try flush(data)
        return branch
    }

    private func flush(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Refused("cannot open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Refused("cannot flush \(path)") }
    }

    private func next(_ salvage: LogSalvage) -> String {
        let cut = "martlet recovery repair \(data) --truncate-at \(salvage.firstBad)"
        return switch salvage.trouble {
        case .damaged:
            "wipe this directory and join, if a majority of the other proxies lives; else \(cut)"
        case .unreadable where salvage.lostCount == 0:
            "bring this proxy to a version that can read the entry, if there is any, or wipe this directory and join, if a majority of the other "
                + "proxies lives; else, at one proxy, \(cut). Nothing is lost: the entry says no more than who votes"
        case .unreadable:
            "bring this proxy to the version of those that answer 200 to /v1/health?readiness=true, if there are any; else, at one proxy, "
                + "\(cut). No proxy of this version has applied the entry, and so none has acknowledged it or anything behind it"
        case .newer: "upgrade this proxy, and start it"
        }
    }

    private func report(
        _ salvage: LogSalvage, _ generation: Generation?, _ branch: String?
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("repaired", generation != nil)
            json.member("first_bad", salvage.firstBad.rawValue)
            json.member("trouble", salvage.trouble.rawValue)
            json.member("reason", salvage.reason)
            json.member("kept", salvage.kept)
            json.member("lost_entries", salvage.lostCount)
            json.key("lost")
            json.array { json in
                for entry in salvage.lost { json.value(RecoveryFacts.TailEntry(entry)) }
            }
            json.member("generation", generation.map { "\($0)" })
            json.member("branch", branch)
            json.member(
                "next",
                generation == nil
                    ? next(salvage)
                    : "start the proxy: it goes on alone; then add others, or bring back those that were left behind: curl -X PUT "
                        + "'http://THAT-PROXY/v1/daemon/proxy/ID?frc=true&can=http://THIS-PROXY'")
        }
        json.newline()
        return json.bytes
    }
}

/// For a member that talks to nobody.
private struct NoWire: Transport, Sendable {
    func send(_ envelope: Envelope) {}
}
