public import Base

/// What an entry of the log is about.
public enum LogEntryKind: Sendable {
    /// A coded ``LogRecord``.
    case command
    /// The first entry of a term, with the member id of its leader.
    case leader(member: UInt64)
    /// Of the consensus group; the state only advances.
    case configuration
}

/// Entries as they stand in the log: the one place that gives them their position, for proxies and targets alike.
extension ClusterState {
    /// Applies one committed entry. The payload is read for commands only; the rows that now differ are appended to
    /// `changes`.
    ///
    /// - Throws: ``Base/DecodingFailure`` for a record of a newer format, the state unchanged: whoever meets one
    ///   stops rather than skip it.
    /// - Returns: what the entry did.
    public mutating func apply(
        _ kind: LogEntryKind, payload: [UInt8], term: UInt64, index: UInt64, time: Timestamp,
        changes: inout [StateRow.Change]
    ) throws(DecodingFailure) -> Outcome {
        switch kind {
        case .command:
            return apply(
                try LogRecord(decoding: payload), term: term, index: index, time: time,
                changes: &changes)
        case .leader(let member):
            return applyLeader(member: member, at: place(term, index), changes: &changes)
        case .configuration:
            advance(to: place(term, index))
            return Outcome(position: position, result: .success(map.version))
        }
    }

    /// The same for a command that has been decoded.
    public mutating func apply(
        _ record: LogRecord, term: UInt64, index: UInt64, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Outcome {
        apply(
            record, at: place(term, index, after: record.command), time: time, changes: &changes)
    }

    /// The generation is part of the state: only the founding command and a forced recovery set it.
    private func place(
        _ term: UInt64, _ index: UInt64, after command: Command? = nil
    ) -> LogPosition {
        var generation = (position.generation, position.nonce)
        if case .found(_, _, let counter, let nonce) = command, generation == (0, 0) {
            generation = (counter, nonce)
        }
        // A record that raises nothing is refused by `recover`; the place never goes back.
        if case .recover(let record) = command {
            let raised = (record.generation.counter, record.generation.nonce)
            if raised > generation { generation = raised }
        }
        return LogPosition(
            generation: generation.0, nonce: generation.1, term: term, index: index)
    }
}
