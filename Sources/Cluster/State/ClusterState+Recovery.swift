import Base

/// Forced recoveries: what `what=recovery` shows.
extension ClusterState {
    /// Notes a recovery and takes the dead proxies off the map. The position has been raised to its generation already.
    mutating func recover(
        _ asked: RecoveryRecord, by origin: LogRecord, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        let current = RecoveryRecord.Generation(
            counter: position.generation, nonce: position.nonce)
        guard asked.generation == current, recoveries[current] == nil else {
            return .failure(.notSuccessor(asked.generation, of: current))
        }
        if let founder = asked.foundation?.founder, let present = map[founder.id],
            present.role != founder.role
        {
            return .failure(.roleDiffers(founder.id, is: present.role))
        }
        var record = asked
        record.actor = origin.actor
        record.clientAddress = origin.clientAddress
        record.requestID = origin.requestID
        record.time = time
        recoveries[current] = record
        put(row(of: record), &changes)
        while recoveries.count > RecoveryRecord.keptMax,
            let oldest = recoveries.values.first(where: { _ in true })
        {
            recoveries[oldest.generation] = nil
            delete(row(of: oldest), &changes)
        }
        let dead = record.dead.filter { $0 != record.candidate && map[$0]?.role == .proxy }
        takeOff(
            dead, for: record.candidate, founder: record.foundation?.founder, changes: &changes)
        return .success(map.version)
    }

    // MARK: Rows

    /// The rows of recoveries, oldest generation first.
    var recoveryRows: [StateRow] { recoveries.values.map { row(of: $0) } }

    func row(of record: RecoveryRecord) -> StateRow {
        var writer = ByteWriter(capacity: 512)
        record.write(row: &writer)
        return StateRow(
            kind: .recovery, key: Self.key(of: record.generation), value: writer.bytes)
    }

    /// Big-endian, so that rows are in the order of generations.
    private static func key(of generation: RecoveryRecord.Generation) -> [UInt8] {
        [generation.counter, generation.nonce].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    mutating func restoreRecovery(
        _ key: [UInt8], from reader: inout ByteReader
    ) throws(DecodingFailure) {
        let record = try RecoveryRecord(row: &reader)
        guard key == Self.key(of: record.generation) else {
            throw DecodingFailure("recovery under the key of another generation", at: 0)
        }
        recoveries[record.generation] = record
    }
}
