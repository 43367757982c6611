import API
import Base
import Cluster
import Consensus
import MetaStore

// Facts from a log: that of this proxy, and one in a file.

extension RecoveryFacts {
    /// - Parameters:
    ///   - state: behind the last entry applied.
    ///   - outline: of the whole log.
    ///   - entries: those behind `state`, as far as they were read.
    init(_ state: ClusterState, _ outline: LogOutline, entries: [Entry]) {
        clusterID = state.map.clusterID
        base = outline.base
        runs = Array(outline.runs.suffix(Self.runsMax))
        last = outline.last
        chain = outline.chain
        applied = state.position
        stateHash = state.hash
        var catalog = Catalog()
        catalog.restore(state)
        var isWhole = outline.last.index.rawValue == state.position.index + UInt64(entries.count)
        for entry in entries {
            do {
                _ = try catalog.apply(entry)
            } catch {
                // What another version wrote stands in the log, and is not understood here.
                isWhole = false
                let found = Unreadable(entry, error)
                unreadable = found
                obstacle = found.what
                break
            }
        }
        if clusterID.isEmpty { clusterID = catalog.state.map.clusterID }
        holdings = Holdings(catalog.state)
        if !isWhole { holdings.isPartial = true }
    }

    /// Describes the entries that are not known to be committed.
    mutating func describe(tail entries: [Entry]) {
        tail = entries.filter { $0.index > commit }.suffix(Self.tailMax).map { TailEntry($0) }
    }

    /// Reads a proxy's directory, or one of its databases; no process may have it open.
    static func read(database path: String) throws -> RecoveryFacts {
        let storage = try SQLiteLog(path: path, newMember: nil)
        return try read(storage, try storage.load())
    }

    /// What a log holds that nobody runs.
    static func read(
        _ storage: SQLiteLog, _ recovered: RecoveredState<Catalog>
    ) throws -> RecoveryFacts {
        let state = recovered.image ?? ClusterState()
        var facts = RecoveryFacts(state, try storage.outline(), entries: recovered.tail)
        facts.isRunning = false
        facts.member = storage.member
        facts.generation = recovered.hardState.generation
        facts.term = recovered.hardState.term
        facts.supersededBy = recovered.hardState.supersededBy
        facts.commit = recovered.knownCommit.index
        // The last that can be read; where a later one cannot be, the proxy does not start, and nobody may go on from it.
        facts.configuration =
            recovered.configurations.compactMap(\.configuration).last
            ?? recovered.base.configuration
        if let (entry, trouble) = recovered.unreadableVoters,
            facts.unreadable.map({ entry.index < $0.mark.index }) ?? true
        {
            let found = Unreadable(entry, trouble)
            facts.unreadable = found
            facts.obstacle = found.what
        }
        // What was applied last may not be stored yet, be it the entry that has put this proxy on the map.
        let node = recovered.furthestState.map.node(member: storage.member.rawValue)
        facts.node = node?.id.text ?? ""
        facts.url = node?.address.url ?? ""
        facts.describe(tail: recovered.tail)
        return facts
    }
}

extension RecoveryFacts.TailEntry {
    init(_ entry: Entry) {
        mark = entry.mark
        time = entry.time
        actor = ""
        subject = ""
        switch entry.kind {
        case .command:
            guard let record = try? LogRecord(decoding: entry.payload) else {
                action = "unknown"
                return
            }
            actor = record.actor
            action = record.command.name
            subject = record.command.subject
        case .leader:
            action = "primary"
            subject = entry.leader.map { "member \($0)" } ?? ""
        case .configuration:
            action = "voters"
            subject = entry.configuration?.description ?? ""
        }
    }
}

extension Command {
    /// What the command is about, for people.
    var subject: String {
        switch self {
        case .found(let clusterID, _, _, _): clusterID
        case .setNode(let node): "\(node.id) at \(node.address)"
        case .removeNode(let id): id.text
        case .createBucket(let bucket, _), .destroyBucket(let bucket): bucket.description
        case .setConfig(let change):
            change.items.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: ", ")
        case .setMaintenance(let id, let isOn): "\(id) \(isOn ? "on" : "off")"
        case .startRebalance, .replaceRebalance, .stopRebalance: ""
        case .noteMountpath(let id, let note): "\(id) \(note.path)"
        case .session(let change): change.subject
        case .decommission(let id, _), .endDecommission(let id, _): id.text
        case .batch(let commands):
            commands.map { "\($0.name) \($0.subject)" }.joined(separator: "; ")
        case .recover(let record):
            "generation \(record.generation.counter), from \(record.base.text), on \(record.candidate)"
        }
    }
}

extension SessionChange {
    fileprivate var subject: String {
        switch self {
        case .open: "opened"
        case .keepAlive(let id): "\(id.text) kept alive"
        case .close(let id): "\(id.text) closed"
        case .refuse(let code, _): code
        }
    }
}

extension RecoveredState<Catalog> {
    /// The state that the whole log leads to, as far as it can be read.
    var furthestState: ClusterState {
        var catalog = Catalog()
        if let image { catalog.restore(image) }
        for entry in tail {
            guard (try? catalog.apply(entry)) != nil else { break }
        }
        return catalog.state
    }

    /// The forced recoveries that this log has been through, those not yet applied included.
    var recoveries: [RecoveryRecord] {
        var records = image.map { Array($0.recoveries.values) } ?? []
        for entry in tail {
            guard case .recover(let record)? = try? LogRecord(decoding: entry.payload).command
            else { continue }
            records.append(record)
        }
        return records
    }
}

extension Unreadable {
    /// An entry that the state machine has thrown this error for.
    init(_ entry: Entry, _ error: any Error) {
        self.init(
            .entry, at: entry.mark, reason: String(describing: error),
            isNewer: Catalog.isNewer(error))
    }
}
