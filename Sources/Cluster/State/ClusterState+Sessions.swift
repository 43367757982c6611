import Base

/// Client sessions: a request that is sent again is answered from here, and made once.
///
/// Everything is decided where the entry is applied. Two copies of one request may both be in the log, because the first
/// was lost sight of; the second finds the outcome of the first. When a session has ended is decided by the times that
/// leaders stamped on entries, which never go back along the log.
extension ClusterState {
    /// Makes a change within a session, or finds what an earlier copy of it came to.
    mutating func applyOnce(
        _ record: LogRecord, in call: SessionCall, time: Timestamp,
        changes: inout [StateRow.Change]
    ) -> Outcome {
        let place = position
        func refused(_ rejection: Rejection) -> Outcome {
            Outcome(position: place, result: .failure(rejection))
        }
        guard var session = sessions[call.session] else {
            return refused(.sessionExpired(call.session))
        }
        guard !session.isExpired(at: time) else {
            expire(call.session, session, changes: &changes)
            return refused(.sessionExpired(call.session))
        }
        session.lastUsed = max(session.lastUsed, time)
        defer {
            // A session that has closed itself is gone.
            if sessions[call.session] != nil {
                sessions[call.session] = session
                put(row(of: call.session, session), &changes)
            }
        }
        if let kept = session.outcome(of: call.sequence) {
            return Outcome(position: kept.position, result: kept.result)
        }
        guard call.sequence > session.forgotten else {
            return refused(.sequenceForgotten(through: session.forgotten))
        }
        let result = carryOut(record, time: time, changes: &changes)
        if result.isFinal(given: record.preconditions) {
            session.keep(
                Session.Kept(sequence: call.sequence, position: place, result: result))
        }
        return Outcome(position: place, result: result)
    }

    mutating func change(
        _ change: SessionChange, time: Timestamp, changes: inout [StateRow.Change]
    ) -> Result<UInt64, Rejection> {
        switch change {
        case .open(let lifetime):
            for (id, session) in sessions where session.isExpired(at: time) {
                expire(id, session, changes: &changes)
            }
            guard sessions.count < Session.countMax else {
                return .failure(.tooManySessions(sessions.count))
            }
            let session = Session(lifetime: lifetime, at: time)
            sessions[position] = session
            put(row(of: position, session), &changes)
        case .keepAlive(let id):
            guard var session = sessions[id] else { return .failure(.sessionExpired(id)) }
            guard !session.isExpired(at: time) else {
                expire(id, session, changes: &changes)
                return .failure(.sessionExpired(id))
            }
            session.lastUsed = max(session.lastUsed, time)
            sessions[id] = session
            put(row(of: id, session), &changes)
        case .close(let id):
            // Closing twice is closing once.
            if let session = sessions[id] { end(id, session, changes: &changes) }
        case .refuse(let code, let message):
            return .failure(.refused(code: code, message: message))
        }
        return .success(position.index)
    }

    private mutating func expire(
        _ id: LogPosition, _ session: Session, changes: inout [StateRow.Change]
    ) {
        expiredSessions.count += 1
        end(id, session, changes: &changes)
    }

    private mutating func end(
        _ id: LogPosition, _ session: Session, changes: inout [StateRow.Change]
    ) {
        delete(row(of: id, session), &changes)
        sessions[id] = nil
    }

    // MARK: Rows

    var sessionRows: [StateRow] { sessions.map { row(of: $0.key, $0.value) } }

    func row(of id: LogPosition, _ session: Session) -> StateRow {
        var key = ByteWriter(capacity: 32)
        id.write(to: &key)
        var value = ByteWriter()
        session.write(to: &value)
        return StateRow(kind: .session, key: key.bytes, value: value.bytes)
    }

    mutating func restoreSession(
        _ key: [UInt8], from reader: inout ByteReader
    ) throws(DecodingFailure) {
        var keyReader = ByteReader(key)
        let id = try LogPosition(from: &keyReader)
        try keyReader.finish()
        sessions[id] = try Session(from: &reader)
    }
}

extension Result<UInt64, Rejection> {
    /// Whether this is the answer to the request. It is not when the change was worked out against a version of the
    /// configuration that has passed: then its proposer works it out anew, under the same sequence number.
    fileprivate func isFinal(given preconditions: [Precondition]) -> Bool {
        guard case .failure(let rejection) = self else { return true }
        switch rejection {
        case .changedMeanwhile(let document, _), .inBatch(_, .changedMeanwhile(let document, _)):
            return preconditions.contains { $0.document == document }
        default: return true
        }
    }
}
