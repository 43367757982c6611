package import Base
package import Cluster

/// A committed state brought back from what a target has cached, and verified.
///
/// Three things have to agree: the rows of the snapshot with the hash beside them; the state after each entry with the hash the
/// target had there, and told the proxy it followed; and the hash that each entry's proposer had of the state it
/// rested on, which is part of the log itself.
package struct CachedState: Sendable {
    package let node: String
    package let clusterID: String
    package let written: Timestamp
    /// Where the snapshot stands.
    package let base: LogPosition
    /// Behind the last entry.
    package let state: ClusterState
    /// Of the last entry; `nil` when there is none behind the snapshot.
    package let lastTime: Timestamp?
    /// The snapshot's place and those of the entries, with the hash of the state there, in order.
    package let points: [(position: LogPosition, hash: UInt64)]
    /// How many of the entries name a state that is among ``points``, as their proposers had it.
    package let links: Int
    /// Why there may have been more.
    package let leftover: String?

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        try self.init(CachedStateFile(decoding: bytes))
    }

    /// - Throws: ``Base/DecodingFailure`` when the parts contradict each other: none of it is to be believed then.
    package init(_ file: CachedStateFile) throws(DecodingFailure) {
        var state = try ClusterState(snapshot: try Zstandard.unframed(file.snapshot))
        guard state.position == file.base, state.hash == file.baseHash else {
            throw DecodingFailure(
                "the snapshot is not the state of \(file.base.text) with hash "
                    + Hex.padded(file.baseHash), at: 0)
        }
        var points = [(position: file.base, hash: file.baseHash)]
        var links = 0
        for entry in file.entries {
            links += try Self.checkLink(entry.frame, points) ? 1 : 0
            var changes: [StateRow.Change] = []
            let position = entry.frame.position
            _ = try state.apply(
                try entry.frame.stateKind, payload: entry.frame.payload, term: position.term,
                index: position.index, time: entry.frame.time, changes: &changes)
            guard state.position == position, state.hash == entry.hash else {
                throw DecodingFailure(
                    "entry \(position.text) does not lead to the state with hash "
                        + Hex.padded(entry.hash), at: 0)
            }
            points.append((position, entry.hash))
        }
        guard !file.clusterID.isEmpty, state.map.clusterID == file.clusterID else {
            throw DecodingFailure("the state is not that of cluster \(file.clusterID)", at: 0)
        }
        node = file.node
        clusterID = file.clusterID
        written = file.written
        base = file.base
        leftover = file.leftover
        lastTime = file.entries.last?.frame.time
        self.state = state
        self.points = points
        self.links = links
    }

    /// Holds what an entry's proposer says of the state that it rested on against that state.
    ///
    /// - Returns: whether that state is among the points.
    private static func checkLink(
        _ entry: FollowFrame.LogEntry, _ points: [(position: LogPosition, hash: UInt64)]
    ) throws(DecodingFailure) -> Bool {
        guard entry.kind == .command, let first = points.first?.position.index,
            let told = LogRecord.proposerState(in: entry.payload),
            told.index >= first, told.index - first < UInt64(points.count)
        else { return false }
        let point = points[Int(told.index - first)]
        guard point.hash == told.hash else {
            throw DecodingFailure(
                "entry \(entry.position.text) follows a state with hash "
                    + "\(Hex.padded(told.hash)), and the one here at \(point.position.text) has "
                    + Hex.padded(point.hash), at: 0)
        }
        return true
    }
}

extension FollowFrame.LogEntry {
    /// What the entry is about, for ``Cluster/ClusterState``.
    package var stateKind: LogEntryKind {
        get throws(DecodingFailure) {
            switch kind {
            case .command: return .command
            case .configuration: return .configuration
            case .leader:
                var reader = ByteReader(payload)
                let member = try reader.read(UInt64.self)
                // What may follow is for the history, which targets do not keep.
                return .leader(member: member)
            }
        }
    }
}
