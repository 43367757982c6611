import API
import Base
import Cluster
import Consensus
import HTTP
import MetaStore

/// Whether a forced recovery is complete: committed, its survivors in the new generation, and the targets as well.
struct RecoveryVerification: Sendable {
    let group: RaftGroup
    let published: PublishedState
    let followers: Followers

    /// The record that began the generation of this proxy's log, committed or not; `nil` when none did, or the log does not have it any
    /// more.
    func current() async -> RecoveryRecord? {
        let generation = group.status.generation
        let key = RecoveryRecord.Generation(counter: generation.counter, nonce: generation.nonce)
        if let record = published.now.state.recoveries[key] { return record }
        guard let origin = group.status.origin else { return nil }
        let read = await group.raft.read { storage in
            Result {
                try storage.entries(
                    from: origin.index.next, through: origin.index.next,
                    maxBytes: Limits.recoveryTailBytes)
            }
        }
        guard let entry = try? read.get().first,
            case .recover(let record) = try? LogRecord(decoding: entry.payload).command
        else { return nil }
        return record
    }

    struct Report: Equatable, Sendable {
        var record: RecoveryRecord
        var isCommitted = false
        /// Node or target, and whether it has gone over.
        var survivors: [(name: String, isThere: Bool)] = []
        var targets: [(name: String, isThere: Bool)] = []

        var missing: [String] {
            (isCommitted ? [] : ["no majority of the new group has committed it yet"])
                + survivors.filter { !$0.isThere }.map {
                    "\($0.name) does not take part in the new generation yet"
                }
                + targets.filter { !$0.isThere }.map {
                    "target \($0.name) does not follow the new generation yet"
                }
        }

        var isDone: Bool { missing.isEmpty }
        var awaitsOnlyTargets: Bool { isCommitted && survivors.allSatisfy(\.isThere) }

        static func == (left: Report, right: Report) -> Bool {
            left.record == right.record && left.missing == right.missing
        }
    }

    func look(_ record: RecoveryRecord) -> Report {
        let (status, state) = (group.status, published.now.state)
        let applied = state.recoveries[record.generation]
        // When it was applied it was noted who had asked for it, and when.
        var report = Report(record: applied ?? record)
        report.isCommitted = applied != nil
        let opened = Index(record.base.index + 2)
        for voter in status.configuration.voters where voter != status.id {
            let isThere = status.matches[voter].map { $0 >= opened } ?? false
            report.survivors.append(
                (group.directory.node(of: voter)?.id.text ?? "member \(voter)", isThere))
        }
        let positions = Dictionary(
            followers.overview.map { ($0.id, $0.position) }, uniquingKeysWith: { $1 })
        for target in state.map.nodes(.target) {
            let position = positions[target.id] ?? .zero
            report.targets.append(
                (
                    target.id.text,
                    position.generation == record.generation.counter
                        && position.nonce == record.generation.nonce
                ))
        }
        return report
    }

    /// Waits for what is missing, for a bounded time.
    func report(of record: RecoveryRecord, on loop: EventLoop) async -> Report {
        let begun = MonotonicTime.now()
        while true {
            let report = look(record)
            let elapsed = Double(MonotonicTime.now().since(begun)) / 1e9
            // What a target lacks is no reason to doubt the recovery, and a dead one never comes.
            let patience =
                report.awaitsOnlyTargets
                ? Limits.recoveryTargetSeconds : Limits.recoveryVerifySeconds
            if report.isDone || elapsed > patience { return report }
            let pause = UInt64(Limits.recoveryLookSeconds * 1e9)
            guard await loop.sleep(nanoseconds: pause) else { return report }
        }
    }
}

extension RecoveryVerification.Report {
    /// The reply, with a newline behind it; the plan that was carried out is shown with it.
    func encoded(changed: Bool, _ plan: RecoveryPlan? = nil) -> [UInt8] {
        var json = JSONWriter(capacity: 2_048)
        json.object { json in
            json.member("done", isDone)
            json.member("changed", changed)
            json.member("committed", isCommitted)
            json.member("missing", list: missing)
            json.key("recovery")
            json.object { $0.value(members: record) }
            for (key, nodes) in [("survivors", survivors), ("targets", targets)] {
                json.key(key)
                json.array { json in
                    for node in nodes {
                        json.object { json in
                            json.member("node", node.name)
                            json.member("follows", node.isThere)
                        }
                    }
                }
            }
            if !isDone { json.member("next", "send the same request again: it goes on waiting") }
            if let plan {
                json.key("plan")
                json.object { plan.write(members: &$0) }
            }
        }
        json.newline()
        return json.bytes
    }
}
