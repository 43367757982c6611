import Consensus

// Clients in a closed loop: each waits for its answer, or gives up, before it does the next thing.
extension World {
    struct Client {
        /// The request under way.
        var token: UInt64?
        var deadline: UInt64 = 0
        /// Where the last request succeeded.
        var home: MemberID?
        /// Names that this client alone creates and destroys, so it knows which exist.
        var names: [UInt64] = []
    }

    enum Request {
        case write(client: Int, Operation)
        /// `floor`: everything up to here was acknowledged before the read began.
        case read(client: Int, floor: Index)
    }

    mutating func act(_ ordinal: Int) {
        agenda.plan(
            .client(ordinal),
            at: now + 2 * Faults.millisecond + spread(faults.think))
        if let token = clients[ordinal].token {
            guard now > clients[ordinal].deadline else { return }
            // Gave up: whether the write took place is not known.
            if case .write(_, let operation) = pending[token] { expected[operation.name] = nil }
            counts.unknown += 1
            clients[ordinal].token = nil
        }
        let target = clients[ordinal].home ?? ids[random.next(in: 0...ids.count - 1)]
        clients[ordinal].home = nil
        guard member(target).isUp, !member(target).isPaused else { return }
        nextToken += 1
        let token = nextToken
        clients[ordinal].token = token
        clients[ordinal].deadline = now + 12 * Faults.second
        if random.next(in: 0...3) == 0 {
            pending[token] = .read(client: ordinal, floor: oracle.acknowledged)
            return feed(target, [.read(ReadToken(token))])
        }
        let operation = nextOperation(of: ordinal)
        expected[operation.name] = nil
        pending[token] = .write(client: ordinal, operation)
        let proposal = Proposal(
            token: ProposalToken(token), payload: Case.command(operation))
        feed(target, [.propose(proposal)])
    }

    private mutating func nextOperation(of ordinal: Int) -> Operation {
        if clients[ordinal].names.count > 3, random.next(in: 0...2) == 0 {
            let place = random.next(in: 0...clients[ordinal].names.count - 1)
            return .destroy(clients[ordinal].names.remove(at: place))
        }
        nextName += 1
        return .create(nextName)
    }

    mutating func answered(
        _ token: UInt64, _ outcome: ProposalOutcome<Machine.Outcome>, by id: MemberID
    ) {
        guard case .write(let ordinal, let operation) = pending.removeValue(forKey: token) else {
            return  // a membership change of the operator
        }
        let isWaiting = clients[ordinal].token == token
        if isWaiting { clients[ordinal].token = nil }
        switch outcome {
        case .applied(let position, let result):
            counts.acknowledged += 1
            oracle.acknowledge(position)
            note("\(id) acknowledges \(operation) at \(position)")
            oracle.demand(
                Case.succeeded(result), "IN-12: \(operation) was applied and changed nothing")
            settle(operation, isPresent: { if case .create = operation { true } else { false } }())
            if case .create(let name) = operation { clients[ordinal].names.append(name) }
            if isWaiting { clients[ordinal].home = id }
        case .unchanged: oracle.fail("\(operation) answered as a membership change")
        case .refused(let refusal):
            counts.refused += 1
            // Had no effect: what was true of the name before is true now.
            if case .destroy(let name) = operation {
                settle(operation, isPresent: true)
                clients[ordinal].names.append(name)
            } else {
                settle(operation, isPresent: false)
            }
            if case .notLeader(let hint?) = refusal, isWaiting { clients[ordinal].home = hint }
        case .unknown: counts.unknown += 1
        }
    }

    /// The fate of a name is known for good; its client does not touch it while a request is open.
    private mutating func settle(_ operation: Operation, isPresent: Bool) {
        expected[operation.name] = isPresent
    }

    mutating func answered(_ token: UInt64, _ outcome: ReadOutcome, by id: MemberID) {
        guard case .read(let ordinal, let floor) = pending.removeValue(forKey: token) else {
            return oracle.fail("IN-14: \(id) answers read \(token) twice")
        }
        if clients[ordinal].token == token { clients[ordinal].token = nil }
        guard case .ready(let position) = outcome else {
            counts.refused += 1
            return
        }
        counts.reads += 1
        oracle.demand(
            position.index >= floor,
            "IN-12: a read at \(id) saw \(position.index), acknowledged before it was \(floor)")
    }
}
