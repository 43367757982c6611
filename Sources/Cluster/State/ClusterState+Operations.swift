import Base

/// Maintenance, rebalance, and what targets report of their disks.
extension ClusterState {
    /// Takes a node out of placement and votes, or back in.
    mutating func setMaintenance(
        _ id: NodeID, _ isOn: Bool, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard var node = map[id] else { return .failure(.noSuchNode(id)) }
        guard map.primary != id else { return .failure(.isPrimary(id)) }
        guard node.flags.contains(.maintenance) != isOn else {
            return .failure(.maintenanceIs(isOn, id))
        }
        if isOn { node.flags.insert(.maintenance) } else { node.flags.remove(.maintenance) }
        replace(node, changes: &changes)
        return .success(map.version)
    }

    /// All that are known, newest first.
    public var rebalances: [RebalanceRecord] {
        (rebalance.version > 0 ? [rebalance] : []) + endedRebalances.values.reversed()
    }

    /// Records a rebalance of the targets that take part in placement, and keeps what became of those before.
    mutating func startRebalance(
        time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        let last = rebalance
        let result = replaceRebalance(time: time, changes: &changes)
        guard case .success = result else { return result }
        if last.version > 0 {
            endedRebalances[last.version] = last
            put(row(ofEnded: last), &changes)
        }
        let spare = endedRebalances.count - RebalanceRecord.endedMax
        for (place, record) in endedRebalances.values.enumerated()
        where place < spare || record.isForgotten(at: time) {
            delete(row(ofEnded: record), &changes)
            endedRebalances[record.version] = nil
        }
        return result
    }

    /// The same without keeping anything.
    mutating func replaceRebalance(
        time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard map.candidates.count >= 2 else {
            return .failure(.tooFewTargets(map.candidates.count))
        }
        rebalance.version += 1
        rebalance.status = .notRun
        rebalance.targets = map.candidates.map(\.id)
        rebalance.started = time
        rebalance.stopped = Timestamp(nanoseconds: 0)
        put(rebalanceRow, &changes)
        return .success(rebalance.version)
    }

    /// Notes that the last rebalance was stopped, if it is the one that is meant; without one there is nothing to note.
    mutating func stopRebalance(
        _ version: UInt64?, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        if rebalance.version == version ?? rebalance.version, rebalance.version > 0,
            !rebalance.wasStopped
        {
            rebalance.stopped = time
            put(rebalanceRow, &changes)
        }
        return .success(rebalance.version)
    }

    mutating func note(
        _ note: MountpathNote, of target: NodeID, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard map[target]?.role == .target else { return .failure(.noSuchNode(target)) }
        if mountpathNotes[target] == nil { makeRoomForNotes(changes: &changes) }
        var note = note
        note.time = time
        var notes = (mountpathNotes[target] ?? []).filter { $0.disk != note.disk }
        notes.append(note)
        notes.removeFirst(max(0, notes.count - MountpathNote.perTargetMax))
        mountpathNotes[target] = notes
        put(row(of: target, notes), &changes)
        return .success(map.version)
    }

    /// What was noted of a target stays when it leaves the map, because a target without disks does so; only a flood of
    /// targets that came and went is forgotten.
    private mutating func makeRoomForNotes(changes: inout [StateRow.Change]) {
        guard mountpathNotes.count >= MountpathNote.targetsMax else { return }
        for (id, notes) in mountpathNotes where map[id] == nil {
            delete(row(of: id, notes), &changes)
            mountpathNotes[id] = nil
        }
    }

    // MARK: Rows

    /// The rows of this file, in order of kind and key.
    var operationRows: [StateRow] {
        (rebalance.version > 0 ? [rebalanceRow] : [])
            + mountpathNotes.map { row(of: $0.key, $0.value) }
    }

    var rebalanceRow: StateRow {
        var writer = ByteWriter()
        rebalance.write(to: &writer)
        return StateRow(kind: .rebalance, key: [], value: writer.bytes)
    }

    func row(ofEnded record: RebalanceRecord) -> StateRow {
        var writer = ByteWriter()
        record.write(to: &writer)
        // Big-endian, so that rows are in order of the numbers.
        let key = (0..<8).map { UInt8(truncatingIfNeeded: record.version >> (56 - 8 * $0)) }
        return StateRow(kind: .endedRebalance, key: key, value: writer.bytes)
    }

    mutating func restoreEndedRebalance(
        _ key: [UInt8], from reader: inout ByteReader
    ) throws(DecodingFailure) {
        let record = try RebalanceRecord(from: &reader)
        guard row(ofEnded: record).key == key else {
            throw DecodingFailure("rebalance \(record.id) under another's key", at: 0)
        }
        endedRebalances[record.version] = record
    }

    func row(of target: NodeID, _ notes: [MountpathNote]) -> StateRow {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(UInt32(notes.count))
        for note in notes { note.write(to: &writer) }
        return StateRow(kind: .mountpathNotes, key: Array(target.text.utf8), value: writer.bytes)
    }

    mutating func restoreNotes(
        _ key: [UInt8], from reader: inout ByteReader
    ) throws(DecodingFailure) {
        guard let id = NodeID(String(decoding: key, as: UTF8.self)) else {
            throw DecodingFailure("notes of something that is no node", at: 0)
        }
        let format = try reader.readUInt8()
        guard format == 1 else { throw .unknownFormat(format, of: "notes", known: 1, at: 0) }
        var notes: [MountpathNote] = []
        for _ in 0..<(try reader.read(UInt32.self)) {
            notes.append(try MountpathNote(from: &reader))
        }
        mountpathNotes[id] = notes
    }
}
