import Base

/// Targets that remove their user data before they leave (decision 0028).
extension ClusterState {
    /// Gives the order. Given again, it may name further disks: then it is another order, because a report about the old one
    /// says nothing of these.
    mutating func decommission(
        _ id: NodeID, _ order: DecommissionOrder, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard var node = map[id], node.role == .target else { return .failure(.noSuchNode(id)) }
        if var record = decommissions[id], record.phase == .removing {
            if record.order.name(order.disks) {
                record.position = position
                put(record, of: id, &changes)
            }
            return .success(map.version)
        }
        node.flags.insert(.decommission)
        replace(node, changes: &changes)
        put(DecommissionRecord(order, at: position, started: time), of: id, &changes)
        return .success(map.version)
    }

    /// The target has said that it is done: it leaves the map. What is said of another order than the one there is changes
    /// nothing: it was done already, or given up.
    mutating func endDecommission(
        of id: NodeID, _ report: DecommissionReport, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        guard let record = decommissions[id], record.phase == .removing,
            record.position == report.order
        else { return .success(map.version) }
        closeDecommission(of: id, .done, left: report.left, time: time, changes: &changes)
        guard map[id] != nil else { return .success(map.version) }
        return removeNode(id, time: time, changes: &changes)
    }

    /// Notes how an order ended that was still being carried out; without one there is nothing to note.
    mutating func closeDecommission(
        of id: NodeID, _ phase: DecommissionRecord.Phase, left: [String] = [], time: Timestamp,
        changes: inout [StateRow.Change]
    ) {
        guard var record = decommissions[id], record.phase == .removing else { return }
        record.phase = phase
        record.ended = time
        record.left = left
        put(record, of: id, &changes)
        let closed = decommissions.filter { $0.value.phase != .removing }
        guard closed.count > DecommissionRecord.closedMax,
            let oldest = closed.min(by: { ($0.value.ended, $0.key) < ($1.value.ended, $1.key) })
        else { return }
        forgetDecommission(of: oldest.key, &changes)
    }

    /// Whoever comes to the map under an id begins anew.
    mutating func forgetDecommission(of id: NodeID, _ changes: inout [StateRow.Change]) {
        guard let record = decommissions[id] else { return }
        delete(row(of: id, record), &changes)
        decommissions[id] = nil
    }

    private mutating func put(
        _ record: DecommissionRecord, of id: NodeID, _ changes: inout [StateRow.Change]
    ) {
        decommissions[id] = record
        put(row(of: id, record), &changes)
    }

    // MARK: Rows

    var decommissionRows: [StateRow] { decommissions.map { row(of: $0.key, $0.value) } }

    func row(of id: NodeID, _ record: DecommissionRecord) -> StateRow {
        var writer = ByteWriter()
        record.write(to: &writer)
        return StateRow(kind: .decommission, key: Array(id.text.utf8), value: writer.bytes)
    }

    mutating func restoreDecommission(
        _ key: [UInt8], from reader: inout ByteReader
    ) throws(DecodingFailure) {
        guard let id = NodeID(String(decoding: key, as: UTF8.self)) else {
            throw DecodingFailure("decommission of something that is no node", at: 0)
        }
        decommissions[id] = try DecommissionRecord(from: &reader)
    }
}
