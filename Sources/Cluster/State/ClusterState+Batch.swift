import Base

/// One change with what it rests on, and several that are made together.
extension ClusterState {
    /// Makes the change of a record if what it rests on holds.
    mutating func carryOut(
        _ record: LogRecord, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        for precondition in record.preconditions {
            if let rejection = check(precondition) { return .failure(rejection) }
        }
        return change(by: record, time: time, changes: &changes)
    }

    /// All of them, or none: they are tried on a copy, which costs little because the maps in it are shared.
    mutating func makeAll(
        _ commands: [Command], by record: LogRecord, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        var next = self
        var made: [StateRow.Change] = []
        for (place, command) in commands.enumerated() {
            var part = record
            part.command = command
            let result = next.change(by: part, time: time, changes: &made)
            if case .failure(let rejection) = result {
                return .failure(.inBatch(change: place + 1, rejection))
            }
        }
        self = next
        changes += made
        return .success(position.index)
    }
}
