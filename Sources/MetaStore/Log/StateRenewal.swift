import Base
import Cluster
package import Consensus

/// What becomes of a stored state that is as it was written, and that this version cannot read: from where it can be had again.
package struct StateRenewal: Sendable {
    package enum Source: String, Sendable {
        /// The log goes back to its beginning, so that the state can be worked out again; nothing is lost.
        case log
        /// Other proxies have it; this one keeps what it has promised, and does not vote before it has all of that again.
        case others
        /// There is nobody else, and the log does not tell.
        case nobody
    }

    package let source: Source
    /// Why the state cannot be read.
    package let reason: String
    /// Whether a later version has written it, which therefore can.
    package let isNewer: Bool
    /// The entry whose effect is the last that the state has.
    package let applied: LogMark
    /// Why the state cannot be worked out from the log; `nil` when it can.
    package let obstacle: String?
}

extension SQLiteLog {
    /// Looks whether the stored state can be read, and from where it can be had again; works it out from the log if that is asked for and
    /// possible. Entries, base, promises and history are not touched.
    ///
    /// - Parameters:
    ///   - path: the database; nobody has it open.
    ///   - writes: whether a state that the log leads to takes the place of the stored one.
    /// - Returns: `nil` when the state can be read.
    /// - Throws: when the database is damaged, or not ours.
    package static func renewState(_ path: String, writes: Bool) throws -> StateRenewal? {
        let log = try SQLiteLog(path: path, newMember: nil)
        let (stored, applied) = try log.documents()
        let (reason, isNewer): (String, Bool)
        do {
            _ = try log.loadState()
            return nil
        } catch let error as DecodingFailure {
            (reason, isNewer) = ("\(error)", error.isNewer)
        } catch let error as DatabaseError where error.kind == .foreign {
            // A row of a kind that is not known here.
            (reason, isNewer) = (error.message, true)
        }
        let replay = try log.replay(stored, through: applied)
        if writes, let catalog = replay.catalog {
            try log.replaceState(by: catalog.capture(), at: applied)
        }
        let others = replay.voters.filter { $0 != log.member }
        return StateRenewal(
            source: replay.catalog != nil ? .log : others.isEmpty ? .nobody : .others,
            reason: reason, isNewer: isNewer, applied: applied, obstacle: replay.obstacle)
    }

    private struct Replay {
        /// The state at the applied entry; `nil` when the log does not lead there.
        var catalog: Catalog?
        var obstacle: String?
        /// The last ones that the log names.
        var voters: [MemberID]
    }

    /// Applies the log from its beginning, and holds what comes out against what each change says of the state before it.
    private func replay(
        _ stored: StoredBase, through applied: LogMark
    ) throws(DatabaseError) -> Replay {
        var replay = Replay(catalog: Catalog(), voters: stored.base.configuration.voters)
        if stored.base.mark.index > .zero {
            replay = Replay(
                obstacle: "the log begins behind entry \(stored.base.mark.index)",
                voters: replay.voters)
        }
        var digests: [Index: UInt64] = [:]
        var (next, chain) = (stored.base.mark.index.next, stored.chain)
        try forEachEntry(from: next) { row throws(DatabaseError) in
            let entry = row.entry
            guard entry.index == next, EntryRow(entry, after: chain).chain == row.chain else {
                throw damaged("log", entry.index, "does not follow entry \(next.previous)")
            }
            (next, chain) = (next.next, row.chain)
            replay.voters = entry.configuration?.voters ?? replay.voters
            guard entry.index <= applied.index, replay.catalog != nil else { return }
            do {
                if let told = Catalog.proposerState(in: entry), let own = digests[told.index],
                    own != told.digest
                {
                    throw DecodingFailure(
                        "it tells of another state after entry \(told.index) than the log leads to",
                        at: 0)
                }
                _ = try replay.catalog?.apply(entry)
                digests[entry.index] = replay.catalog?.digest
            } catch {
                replay.catalog = nil
                replay.obstacle = "log entry \(entry.index): \(error)"
            }
        }
        if replay.catalog != nil, next <= applied.index {
            replay.catalog = nil
            replay.obstacle = "the log ends before entry \(applied.index)"
        }
        return replay
    }
}
