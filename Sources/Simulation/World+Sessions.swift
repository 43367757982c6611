import Cluster
import Consensus

/// What a client with a session asks for.
enum SessionRequest {
    case open(milliseconds: Int)
    case call(SessionCall, SessionOperation)
}

/// What a request of a session changes.
enum SessionOperation: Hashable, Sendable {
    case plain(Operation)
    /// Only while the bucket map has this version.
    case compare(Operation, version: UInt64)
    /// All of them or none.
    case batch([Operation])
}

/// What a member said to it.
enum SessionReading: Hashable {
    /// With the version of what was changed, and the place.
    case applied(version: UInt64, at: LogPosition)
    /// The session has ended; nothing was changed now.
    case expired
    /// By the state, at that place: the same for every copy.
    case declined(at: LogPosition)
    /// Another document version than the request rests on.
    case outdated(version: UInt64, at: LogPosition)
    /// Anything else, that a client of this kind must never meet.
    case refused
}

/// A request of a session, as often as it is sent.
struct SessionCopy: Hashable {
    var call: SessionCall
    var operation: SessionOperation
    /// The place in the history of a shared name.
    var place: Int?
}

/// A client's place in a session.
struct Seat {
    var session: LogPosition?
    var sequence: UInt64 = 0
    /// What has no answer yet, and is sent again until it has one.
    var open: SessionCopy?
    /// Two names of this client, of which exactly one exists since the index.
    var pair: (present: UInt64, absent: UInt64, since: Index)?
    /// The bucket map's version that this client saw last.
    var version: UInt64 = 0
}

/// What was answered to the requests of sessions: one answer each, whoever gives it.
struct SessionOracle {
    /// CL-01, CL-02, CL-04: every answer to a copy is the first one.
    var answers: [SessionCall: SessionReading] = [:]
    /// CL-06: which call has changed the bucket map at a version it rested on.
    var winners: [UInt64: SessionCall] = [:]
}

// Clients with sessions: a request without an answer is sent again, anywhere, until it has one. Nobody is forced in their runs
// (`World.force`), so they know one generation.
extension World {
    mutating func actInSession(_ ordinal: Int, at target: MemberID) {
        guard clients[ordinal].seat.session != nil else {
            guard let payload = Case.command(.open(milliseconds: conditions.lifetime)) else {
                return
            }
            return propose(payload, .opening, for: ordinal, at: target)
        }
        let copy = clients[ordinal].seat.open ?? nextCopy(of: ordinal)
        clients[ordinal].seat.open = copy
        send(copy, for: ordinal, at: target)
        // Now and then a copy goes elsewhere at once, as when a connection breaks and another is there.
        if random.next(in: 0...3) == 0 { send(copy, for: nil, at: anyone()) }
    }

    private mutating func send(_ copy: SessionCopy, for ordinal: Int?, at target: MemberID) {
        guard member(target).isUp, let payload = Case.command(.call(copy.call, copy.operation))
        else { return }
        propose(payload, .call(copy), for: ordinal, at: target)
    }

    private mutating func nextCopy(of ordinal: Int) -> SessionCopy {
        clients[ordinal].seat.sequence += 1
        let seat = clients[ordinal].seat
        let call = SessionCall(seat.session ?? .zero, sequence: seat.sequence)
        if random.next(in: 0...99) < conditions.shared {
            let name = UInt64(random.next(in: 1...sharedNames))
            let creates = random.next(in: 0...1) == 0
            let place = histories[0][Int(name) - 1].invoke(creates ? .create : .destroy)
            return SessionCopy(
                call: call, operation: .plain(creates ? .create(name) : .destroy(name)),
                place: place)
        }
        nextName += 1
        let operation: SessionOperation
        switch random.next(in: 0...3) {
        case 0: operation = .compare(.create(nextName), version: seat.version)
        case 1:
            if let pair = seat.pair {
                operation = .batch([.create(pair.absent), .destroy(pair.present)])
            } else {
                operation = .plain(.create(nextName))
            }
        default: operation = .plain(ownOperation(of: ordinal))
        }
        for name in operation.names where name > sharedNames { expected[name] = nil }
        return SessionCopy(call: call, operation: operation, place: nil)
    }

    private mutating func ownOperation(of ordinal: Int) -> Operation {
        if clients[ordinal].names.count > 3, random.next(in: 0...2) == 0 {
            let place = random.next(in: 0...clients[ordinal].names.count - 1)
            return .destroy(clients[ordinal].names.remove(at: place))
        }
        return .create(nextName)
    }

    // MARK: answers

    mutating func opened(_ outcome: ProposalOutcome<Machine.Outcome>, _ client: Int?) {
        guard case .applied(_, let result) = outcome, let client,
            case .applied(_, let id) = Case.reading(result), clients[client].seat.session == nil
        else { return }
        clients[client].seat.session = id
        clients[client].seat.sequence = 0
    }

    mutating func answered(
        _ copy: SessionCopy, _ outcome: ProposalOutcome<Machine.Outcome>, _ request: Request,
        by id: MemberID
    ) {
        switch outcome {
        case .unchanged: oracle.fail("\(copy.call) answered as a membership change")
        case .unknown: counts.unknown += 1
        case .refused(let refusal):
            counts.refused += 1
            if case .notLeader(let hint?) = refusal, let client = request.client {
                clients[client].home = hint
            }
        case .applied(let position, let result):
            counts.acknowledged += 1
            oracle.acknowledge(position, in: 0)
            let reading = Case.reading(result)
            note("\(id) answers \(copy) at \(position): \(reading)")
            if let client = request.client { clients[client].home = id }
            conclude(copy, reading, at: position.index)
        }
    }

    private mutating func conclude(_ copy: SessionCopy, _ reading: SessionReading, at index: Index)
    {
        let owner = clients.firstIndex { $0.seat.open == copy }
        if reading == .expired {
            checkExpired(copy, at: index)
            // What became of it is not known any more, and nothing is made of it from now on.
            if let owner {
                clients[owner].seat.open = nil
                clients[owner].seat.session = nil
                clients[owner].seat.pair = nil
            }
            return
        }
        if let first = sessions.answers[copy.call] {
            oracle.demand(
                first == reading, "CL-01: \(copy.call) was answered \(first), now \(reading)")
            return
        }
        sessions.answers[copy.call] = reading
        oracle.demand(
            reading != .refused && (reading.position?.index ?? 0) <= index.rawValue,
            "CL-01: \(copy) was answered \(reading) at \(index)")
        if let owner { clients[owner].seat.open = nil }
        checkEffect(of: copy, reading, owner)
    }

    /// CL-04: by the log's own time, the session has been idle for longer than it may.
    private mutating func checkExpired(_ copy: SessionCopy, at index: Index) {
        let lastUse =
            sessions.answers.filter { $0.key.session == copy.call.session }
            .compactMap { $0.value.position?.index }.max() ?? copy.call.session.index
        let times = [lastUse, index.rawValue].map { place -> UInt64? in
            place > 0 && place <= UInt64(oracle.eras[0].committed.count)
                ? oracle.eras[0].committed[Int(place) - 1].time : nil
        }
        guard let then = times[0], let now = times[1] else { return }
        oracle.demand(
            now > then && now - then > UInt64(conditions.lifetime) * Plan.millisecond,
            "CL-04: session \(copy.call.session.text) is refused \(now - then) ns after its last use"
        )
    }

    private mutating func checkEffect(
        of copy: SessionCopy, _ reading: SessionReading, _ owner: Int?
    ) {
        let isApplied = if case .applied = reading { true } else { false }
        // The version that a batch answers with is no document's.
        if let owner, let version = reading.version, copy.operation.names.count == 1 {
            clients[owner].seat.version = version
        }
        switch copy.operation {
        case .plain(let operation):
            if let place = copy.place {
                return histories[0][Int(operation.name) - 1].answer(place, isApplied)
            }
            // Nobody else touches the name: made once, it changes something.
            oracle.demand(isApplied, "CL-01: \(copy) was made twice: \(reading)")
            settle(operation, isDone: isApplied, for: owner, in: 0)
            if isApplied, let owner { pair(operation, reading, owner) }
        case .compare(let operation, let version):
            if case .applied(let next, _) = reading {
                oracle.demand(
                    next == version + 1 && sessions.winners[version] == nil,
                    "CL-06: \(copy) has led to version \(next), as "
                        + "\(sessions.winners[version].map { "\($0)" } ?? "nothing") has")
                sessions.winners[version] = copy.call
            }
            settle(operation, isDone: isApplied, for: owner, in: 0)
        case .batch(let operations):
            oracle.demand(isApplied, "CL-08: \(copy) was refused: \(reading)")
            for operation in operations { settle(operation, isDone: isApplied, for: nil, in: 0) }
            if let owner, let pair = clients[owner].seat.pair {
                clients[owner].seat.pair = (pair.absent, pair.present, pair.since)
            }
        }
    }

    /// The first own name becomes half of a pair.
    private mutating func pair(_ operation: Operation, _ reading: SessionReading, _ owner: Int) {
        guard clients[owner].seat.pair == nil, case .create(let name) = operation,
            let position = reading.position
        else { return }
        clients[owner].names.removeAll { $0 == name }
        nextName += 1
        clients[owner].seat.pair = (name, nextName, Index(position.index))
    }

    /// CL-08: of each pair one name exists, in every state that anybody sees.
    mutating func checkPairs(in image: Machine.Image, at index: Index) {
        guard conditions.sessions > 0 else { return }
        for client in clients {
            guard let pair = client.seat.pair, index >= pair.since else { continue }
            oracle.demand(
                Case.holds(pair.present, image) != Case.holds(pair.absent, image),
                "CL-08: at \(index) both or neither of \(pair.present) and \(pair.absent) exist")
        }
    }
}

extension SessionOperation {
    var names: [UInt64] {
        switch self {
        case .plain(let operation), .compare(let operation, _): [operation.name]
        case .batch(let operations): operations.map(\.name)
        }
    }
}

extension SessionReading {
    var version: UInt64? {
        switch self {
        case .applied(let version, _), .outdated(let version, _): version
        case .declined, .expired, .refused: nil
        }
    }

    var position: LogPosition? {
        switch self {
        case .applied(_, let position), .declined(let position), .outdated(_, let position):
            position
        case .expired, .refused: nil
        }
    }
}
