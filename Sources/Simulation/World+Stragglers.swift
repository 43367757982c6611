import Consensus

// Requests that are long under way. Each is bound to the term in which it was sent, so that what has become of it can be
// looked up as soon as something of a later term is committed (decision 0027).
extension World {
    /// A bound write, until its end is known.
    struct Doubt {
        var operation: Operation
        var bound: TermMark
        var client: Int?
        var era: Int
    }

    /// Sends a write to a member that a client has found, or sees it off on a long way there.
    mutating func dispatch(_ token: UInt64, _ payload: [UInt8], to target: MemberID) {
        guard conditions.stragglers > 0, let request = pending[token],
            case .write(let operation, call: nil) = request.kind,
            let replica = member(target).pipeline?.replica,
            // A generation that is not durable anywhere yet is in nobody's books.
            replica.generation == oracle.eras[request.era].generation
        else { return submit(token, payload, to: target, bound: nil) }
        let bound = TermMark(generation: replica.generation, term: replica.term)
        doubts[token] = Doubt(
            operation: operation, bound: bound, client: request.client, era: request.era)
        guard !isHealing, random.next(in: 1...100) <= conditions.stragglers else {
            return submit(token, payload, to: target, bound: bound)
        }
        let arrival = now + spread(Self.straggling)
        agenda.plan(
            .arrive(target, life: member(target).life, token, payload, bound), at: arrival)
    }

    /// Less than a healed group is given to answer everything.
    private static var straggling: UInt64 { 8 * Plan.second }

    /// A request comes in, unless the connection broke meanwhile.
    mutating func arrive(
        _ token: UInt64, _ payload: [UInt8], at target: MemberID, bound: TermMark
    ) {
        guard pending[token] != nil else { return }
        submit(token, payload, to: target, bound: bound)
    }

    private mutating func submit(
        _ token: UInt64, _ payload: [UInt8], to target: MemberID, bound: TermMark?
    ) {
        var payload = payload
        if let proposer = member(target).pipeline, proposer.applied.index > .zero {
            payload = Case.command(
                payload,
                from: StatePoint(index: proposer.applied.index, digest: proposer.machine.digest))
        }
        feed(
            target, .propose(Proposal(token: ProposalToken(token), payload: payload, bound: bound)))
    }

    /// CL-05: a state with an entry of a later term tells for good what has become of everything that was bound to an earlier one.
    mutating func lookUp(at id: MemberID, _ image: Machine.Image, _ applied: LogMark) {
        let (era, generation) = (member(id).era, member(id).generation)
        // What such a member shows is compared with others, and not yet found to be wrong.
        guard !doubts.isEmpty, !member(id).isDisturbed else { return }
        for (token, doubt) in doubts.sorted(by: { $0.key < $1.key })
        where doubt.era == era && doubt.bound.generation == generation
            && doubt.bound.term < applied.term
        {
            let exists = Case.holds(doubt.operation.name, image)
            let isCreation = if case .create = doubt.operation { true } else { false }
            let isDone = exists == isCreation
            note("looked up at \(id): \(doubt.operation) of \(doubt.bound): \(isDone)")
            doubts[token] = nil
            pending[token]?.found = isDone
            counts.lookups += 1
            settle(doubt.operation, isDone: isDone, for: doubt.client, in: era)
        }
    }

    /// - Returns: whether the end of a write is news, and not what was looked up before.
    mutating func isNews(
        _ token: UInt64, _ request: Request, isDone: Bool, at position: Position? = nil
    ) -> Bool {
        if let bound = doubts.removeValue(forKey: token)?.bound, let position {
            oracle.demand(
                TermMark(generation: position.generation, term: position.term) == bound,
                "CL-07: bound to \(bound), and made at \(position)")
        }
        guard let found = request.found else { return true }
        oracle.demand(
            found == isDone, "CL-05: looked up as \(found), and then answered as \(isDone)")
        return false
    }
}
