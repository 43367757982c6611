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
        /// Where clients have sessions.
        var seat = Seat()
        /// The newest generation that it has seen (FS-14).
        var era = 0
    }

    /// Who asked whom for what.
    struct Request {
        enum Kind {
            case prepare
            /// `call`: the place in the history of a shared name.
            case write(Operation, call: Int?)
            /// `floor`: everything up to here was acknowledged before the read began.
            case read(name: UInt64, call: Int, floor: Index)
            case membership
            /// Opens a session.
            case opening
            /// A request of a session, or a copy of one.
            case call(SessionCopy)
        }
        var kind: Kind
        /// `nil`: nobody waits for the answer.
        var client: Int?
        var member: MemberID
        /// The generation of the member that was asked.
        var era = 0
        /// The client has hung up, and does not hear the answer.
        var isAbandoned = false
        /// Whether it was made, where that was looked up before it was answered.
        var found: Bool?
        /// When it was sent.
        var begun: UInt64
    }

    mutating func act(_ ordinal: Int) {
        // While healing nobody rests, so that progress can be seen.
        let most = isHealing ? min(conditions.think, 100) : conditions.think
        let think = UInt64(most) * Plan.millisecond
        agenda.plan(.client(ordinal), at: now + 2 * Plan.millisecond + spread(think))
        if clients[ordinal].token != nil {
            // Gives up: whether the write took place is not known.
            guard now > clients[ordinal].deadline else { return }
            clients[ordinal].token = nil
        }
        guard now >= quietUntil else { return }
        let target = clients[ordinal].home ?? anyone()
        clients[ordinal].home = nil
        // A member that gets no processor is still asked, and may answer much later.
        guard member(target).isUp, accepts(target, ordinal) else { return }
        clients[ordinal].deadline = now + UInt64(conditions.patience) * Plan.millisecond
        guard isPrepared else { return prepare(ordinal, at: target) }
        if random.next(in: 0...99) < conditions.reads { return read(ordinal, at: target) }
        if conditions.sessions > 0 { return actInSession(ordinal, at: target) }
        if random.next(in: 0...99) < conditions.shared {
            let name = UInt64(random.next(in: 1...sharedNames))
            write(
                random.next(in: 0...1) == 0 ? .create(name) : .destroy(name), for: ordinal,
                at: target)
        } else {
            write(nextOperation(of: ordinal), for: ordinal, at: target)
        }
    }

    /// FS-14: a client that has seen a generation takes no answer of a lower one; what it knew before a higher one is in
    /// doubt.
    private mutating func accepts(_ id: MemberID, _ ordinal: Int) -> Bool {
        let (seen, offered) = (clients[ordinal].era, member(id).era)
        guard seen != offered else { return true }
        guard oracle.eras[offered].generation > oracle.eras[seen].generation else { return false }
        clients[ordinal].era = offered
        clients[ordinal].names = []
        return true
    }

    private mutating func prepare(_ ordinal: Int, at target: MemberID) {
        guard let payload = Case.preparation(generation: generation) else { return }
        propose(payload, .prepare, for: ordinal, at: target)
    }

    private mutating func nextOperation(of ordinal: Int) -> Operation {
        if clients[ordinal].names.count > 3, random.next(in: 0...2) == 0 {
            let place = random.next(in: 0...clients[ordinal].names.count - 1)
            return .destroy(clients[ordinal].names.remove(at: place))
        }
        nextName += 1
        return .create(nextName)
    }

    mutating func write(_ operation: Operation, for client: Int?, at target: MemberID) {
        var call: Int?
        if operation.name <= sharedNames {
            let action: NameHistory.Action =
                if case .create = operation { .create } else { .destroy }
            call = histories[member(target).era][Int(operation.name) - 1].invoke(action)
        } else {
            expected[operation.name] = nil
        }
        propose(Case.command(operation), .write(operation, call: call), for: client, at: target)
    }

    mutating func propose(
        _ payload: [UInt8], _ kind: Request.Kind, for client: Int?, at target: MemberID
    ) {
        let token = takeToken(for: client)
        pending[token] = Request(
            kind: kind, client: client, member: target, era: member(target).era, begun: now)
        dispatch(token, payload, to: target)
    }

    private mutating func read(_ ordinal: Int, at target: MemberID) {
        let token = takeToken(for: ordinal)
        let name = UInt64(random.next(in: 1...sharedNames))
        let era = member(target).era
        let call = histories[era][Int(name) - 1].invoke(.read)
        pending[token] = Request(
            kind: .read(name: name, call: call, floor: oracle.eras[era].acknowledged),
            client: ordinal, member: target, era: era, begun: now)
        feed(target, .read(ReadToken(token)))
    }

    mutating func takeToken(for client: Int?) -> UInt64 {
        nextToken += 1
        if let client { clients[client].token = nextToken }
        return nextToken
    }

    /// Takes the request out of the books; the client goes on.
    private mutating func settle(_ token: UInt64) -> Request? {
        guard var request = pending.removeValue(forKey: token) else { return nil }
        if let client = request.client, clients[client].token == token {
            clients[client].token = nil
        } else {
            request.isAbandoned = request.client != nil
        }
        return request
    }

    /// Every connection to the member breaks: what was asked of it has no answer.
    mutating func disconnect(_ id: MemberID) {
        if !operations.isEmpty { operations = operations.filter { $0.value.asked != id } }
        guard !pending.isEmpty else { return }
        for token in pending.filter({ $0.value.member == id }).keys.sorted() {
            if settle(token) != nil { counts.unknown += 1 }
        }
    }

    // MARK: answers

    mutating func answered(
        _ token: UInt64, _ outcome: ProposalOutcome<Machine.Outcome>, by id: MemberID
    ) {
        guard let request = settle(token) else {
            return oracle.fail("IN-14: \(id) answers proposal \(token) twice")
        }
        switch request.kind {
        case .prepare:
            if case .applied(let position, _) = outcome {
                isPrepared = true
                preparedAt = position.index
            }
        case .membership, .read: break
        case .opening: opened(outcome, request.client)
        case .call(let copy): answered(copy, outcome, request, by: id)
        case .write(let operation, let call):
            answered(token, operation, call, outcome, request, by: id)
        }
    }

    private mutating func answered(
        _ token: UInt64, _ operation: Operation, _ call: Int?,
        _ outcome: ProposalOutcome<Machine.Outcome>, _ request: Request, by id: MemberID
    ) {
        switch outcome {
        case .applied(let position, let result):
            counts.acknowledged += 1
            oracle.demand(
                position.generation == oracle.eras[request.era].generation,
                "FS-03: asked in another generation, \(id) acknowledges at \(position)")
            oracle.demand(
                !member(id).isSuperseded, "FS-05: \(id) acknowledges after it was left behind")
            oracle.acknowledge(position, in: request.era)
            checkStanding(of: id)
            let hasChanged = Case.succeeded(result)
            note("\(id) acknowledges \(operation) at \(position): \(hasChanged)")
            if let call {
                if !request.isAbandoned {
                    histories[request.era][Int(operation.name) - 1].answer(call, hasChanged)
                }
            } else {
                oracle.demand(hasChanged, "IN-12: \(operation) was applied and changed nothing")
                if isNews(token, request, isDone: true, at: position) {
                    settle(operation, isDone: true, for: request.client, in: request.era)
                }
            }
            if let client = request.client { clients[client].home = id }
        case .unchanged: oracle.fail("\(operation) answered as a membership change")
        case .refused(let refusal):
            counts.refused += 1
            if let call {
                histories[request.era][Int(operation.name) - 1].refuse(call)
            } else if isNews(token, request, isDone: false) {
                settle(operation, isDone: false, for: request.client, in: request.era)
            }
            if case .notLeader(let hint?) = refusal, let client = request.client {
                clients[client].home = hint
            }
        case .unknown: counts.unknown += 1
        }
    }

    /// The fate of a client's own name is known for good; nothing else is under way for it.
    mutating func settle(
        _ operation: Operation, isDone: Bool, for client: Int?, in era: Int
    ) {
        let isCreation = if case .create = operation { true } else { false }
        let exists = isCreation == isDone
        expected[operation.name] = (exists, era)
        if exists, let client, clients[client].era == era {
            clients[client].names.append(operation.name)
        }
    }

    mutating func answered(_ token: UInt64, _ outcome: ReadOutcome, by id: MemberID) {
        guard let request = settle(token), case .read(let name, let call, let floor) = request.kind
        else { return oracle.fail("IN-14: \(id) answers read \(token) twice") }
        guard case .ready(let position) = outcome, let pipeline = member(id).pipeline else {
            counts.refused += 1
            histories[request.era][Int(name) - 1].refuse(call)
            return
        }
        counts.reads += 1
        let image = pipeline.machine.capture()
        // A blank member has become part of some generation meanwhile; its answer is as good as none.
        guard position.generation == oracle.eras[request.era].generation else { return }
        oracle.demand(
            !member(id).isSuperseded, "FS-05: \(id) serves a read after it was left behind")
        oracle.demand(
            position.index >= floor,
            "IN-12: a read at \(id) saw \(position.index), acknowledged before it was \(floor)")
        checkConfirmed(request, by: id)
        checkStanding(of: id)
        if !request.isAbandoned {
            histories[request.era][Int(name) - 1].answer(call, Case.holds(name, image))
        }
        checkPairs(in: image, at: position.index)
        lookUp(at: id, image, pipeline.applied)
    }

    /// RD-06, RD-07, RD-08, TR-11: there are no leases. Whatever the clocks did meanwhile, and whoever was paused or handed
    /// over, a majority has taken part in a round since the read came in.
    private mutating func checkConfirmed(_ request: Request, by id: MemberID) {
        let isConfirmed = ids.contains { other in
            guard let configuration = member(other).pipeline?.replica.configuration,
                !configuration.voters.isEmpty
            else { return false }
            return configuration.voters.count == 1
                || configuration.voters.count { lastRound[$0] ?? 0 >= request.begun }
                    >= configuration.quorum
        }
        oracle.demand(
            isConfirmed,
            "RD-06: \(id) answers a read that began at \(request.begun) by an earlier round")
    }
}
