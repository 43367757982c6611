import API
import Base
import Cluster

/// What a target makes of the frames of a follow stream: the state, and what has to be done about it. No I/O, no
/// clock of its own. The rules are those of docs/formats/follow-stream.md.
struct LogFollower: Sendable {
    private(set) var state = ClusterState()
    private(set) var record: ClusterRecord
    /// The newest position that anything on the mountpaths bears witness to: an older state of the same generation
    /// has been overtaken, whoever sends it.
    private let floor: LogPosition
    private var receiver = SnapshotReceiver()
    /// Whether this stream has said which cluster it belongs to.
    private var isIdentified = false
    /// Since when the proxy has been behind this target.
    private var lagSince: MonotonicTime?

    /// A proxy that is behind for so long is left: it may have lost its primary.
    static let lagNanoseconds: UInt64 = 2_000_000_000

    init(record: ClusterRecord, floor: LogPosition = .zero) {
        self.record = record
        self.floor = floor
    }

    /// What follows from a frame, in the order in which to do it.
    enum Effect: Equatable, Sendable {
        /// Write this down before anything that comes later is visible.
        case remember(ClusterRecord)
        /// The whole state is new: compare everything on disk with it.
        case reconcile
        /// An entry concerned this bucket.
        case settle(Bucket)
        /// The state is another one: publish it, and tell the proxy.
        case publish
    }

    /// Why a stream is of no use, or worse.
    enum Refusal: Error, Equatable, Sendable {
        case wrongCluster(theirs: String, ours: String)
        /// A forced recovery has left it behind. Of two that were made at the same time, the one with the higher nonce
        /// counts, everywhere.
        case olderGeneration(theirs: LogPosition, ours: LogPosition)
        /// The proxy is behind this target, and does not catch up.
        case lagging(LogPosition)
        /// A snapshot from before what this target has seen.
        case overtaken(LogPosition)
        case gap(expected: LogPosition, got: LogPosition)
        case malformed(DecodingFailure)
        case unexpected(String)
    }

    /// A stream begins.
    mutating func begin() {
        receiver = SnapshotReceiver()
        isIdentified = false
        lagSince = nil
    }

    mutating func take(
        _ frame: FollowFrame, at now: MonotonicTime
    ) throws(Refusal) -> [Effect] {
        switch frame {
        case .progress(let progress): return try take(progress, at: now)
        case .acknowledge: throw .unexpected("an acknowledgement came down the stream")
        case .snapshot, .entry:
            guard isIdentified else { throw .unexpected("the first frame is not progress") }
        }
        if case .entry(let entry) = frame { return try take(entry) }
        if case .snapshot(let piece) = frame { return try take(piece) }
        return []
    }

    private mutating func take(
        _ progress: FollowFrame.Progress, at now: MonotonicTime
    ) throws(Refusal) -> [Effect] {
        guard !progress.clusterID.isEmpty else {
            throw .unexpected("the proxy belongs to no cluster")
        }
        if !record.clusterID.isEmpty, progress.clusterID != record.clusterID {
            throw .wrongCluster(theirs: progress.clusterID, ours: record.clusterID)
        }
        try checkGeneration(of: progress.committed)
        isIdentified = true
        if progress.committed < max(state.position, currentFloor(for: progress.committed)) {
            let since = lagSince ?? now
            lagSince = since
            if now.since(since) > Self.lagNanoseconds { throw .lagging(progress.committed) }
        } else {
            lagSince = nil
        }
        guard record.clusterID.isEmpty else { return [] }
        record.clusterID = progress.clusterID
        return [.remember(record)]
    }

    private mutating func take(
        _ piece: FollowFrame.SnapshotPiece
    ) throws(Refusal) -> [Effect] {
        let received: ClusterState?
        do throws(DecodingFailure) {
            received = try receiver.take(piece)
        } catch {
            throw .malformed(error)
        }
        guard let received else { return [] }
        guard received.map.clusterID == record.clusterID else {
            throw .wrongCluster(theirs: received.map.clusterID, ours: record.clusterID)
        }
        try checkGeneration(of: received.position)
        guard received.position >= max(state.position, currentFloor(for: received.position)) else {
            throw .overtaken(received.position)
        }
        state = received
        return renewedRecord() + [.reconcile, .publish]
    }

    private mutating func take(_ entry: FollowFrame.LogEntry) throws(Refusal) -> [Effect] {
        var expected = state.position
        expected.index += 1
        guard entry.position.index == expected.index, entry.position.term >= expected.term else {
            throw .gap(expected: expected, got: entry.position)
        }
        let before = state.buckets
        var next = state
        var changes: [StateRow.Change] = []
        do throws(DecodingFailure) {
            _ = try next.apply(
                try entry.stateKind, payload: entry.payload, term: entry.position.term,
                index: entry.position.index, time: entry.time, changes: &changes)
            guard next.position == entry.position else {
                throw DecodingFailure(
                    "entry at \(entry.position.text) belongs at \(next.position.text)", at: 0)
            }
            if !next.map.clusterID.isEmpty, next.map.clusterID != record.clusterID {
                throw DecodingFailure("entry founds cluster \(next.map.clusterID)", at: 0)
            }
            let buckets = try Self.buckets(in: changes)
            state = next
            return renewedRecord()
                + buckets.filter { before[$0] != next.buckets[$0] }.map { .settle($0) }
                + [.publish]
        } catch {
            throw .malformed(error)
        }
    }

    private static func buckets(
        in changes: [StateRow.Change]
    ) throws(DecodingFailure) -> [Bucket] {
        var buckets: [Bucket] = []
        for change in changes where change.kind == .bucket {
            var reader = ByteReader(change.key)
            buckets.append(try Bucket(from: &reader))
        }
        return buckets
    }

    // MARK: Generations

    private func checkGeneration(of position: LogPosition) throws(Refusal) {
        guard !position.isOfGeneration(before: record.position) else {
            throw .olderGeneration(theirs: position, ours: record.position)
        }
    }

    /// What counts as overtaken, for a state of this generation.
    private func currentFloor(for position: LogPosition) -> LogPosition {
        let isSame = position.generation == floor.generation && position.nonce == floor.nonce
        return isSame ? floor : .zero
    }

    private mutating func renewedRecord() -> [Effect] {
        let renewed = ClusterRecord(clusterID: record.clusterID, position: state.position)
        guard renewed != record else { return [] }
        record = renewed
        return [.remember(record)]
    }
}

extension LogFollower.Refusal: CustomStringConvertible {
    var description: String {
        switch self {
        case .wrongCluster(let theirs, let ours):
            "it belongs to cluster \(theirs), this target to \(ours): wrong_cluster"
        case .olderGeneration(let theirs, let ours):
            "it is of generation \(theirs.generationText), a forced recovery has made generation "
                + ours.generationText
        case .lagging(let position): "it stays behind, at \(position.text)"
        case .overtaken(let position): "its state, at \(position.text), was overtaken"
        case .gap(let expected, let got): "entry \(got.text) came instead of \(expected.text)"
        case .malformed(let failure):
            failure.isNewer
                ? "a later version has written what it sends, upgrade this target: \(failure)"
                : failure.description
        case .unexpected(let reason): reason
        }
    }

    /// Whether people should look at it.
    var isAlarming: Bool {
        switch self {
        case .wrongCluster, .olderGeneration, .malformed, .gap: true
        case .lagging, .overtaken, .unexpected: false
        }
    }
}
