// Linearizable reads without writing to the log: dissertation §6.4.
//
// The index is captured when the read arrives; a round of heartbeats that *began after that* must
// be answered by a majority. An answer to an earlier round proves nothing about the time since.
extension Replica {
    mutating func read(_ origins: [Leadership.ReadOrigin], _ effects: inout [Effect]) {
        guard let leadership else {
            for case .local(let token) in origins {
                guard let leader, supersededBy == nil else {
                    effects.append(.readRefused(token, .notLeader(hint: nil)))
                    continue
                }
                send(.readIndexRequest(token: token.rawValue), to: leader, &effects)
            }
            refuse(origins.filter { if case .remote = $0 { true } else { false } }, &effects)
            return
        }
        let room =
            limits.readsMax - leadership.readsWaiting.count - leadership.readsInRound.count
        self.leadership?.readsWaiting += origins.prefix(room)
        for origin in origins.dropFirst(room) {
            switch origin {
            case .local(let token): effects.append(.readRefused(token, .busy))
            case .remote(let member, let token):
                send(.readIndexReply(token: token, index: nil), to: member, &effects)
            }
        }
        beginWaitingReads(&effects)
    }

    /// Begins a round for the reads that wait, unless one is under way for earlier ones.
    mutating func beginWaitingReads(_ effects: inout [Effect]) {
        guard let leadership, leadership.readsInRound.isEmpty, !leadership.readsWaiting.isEmpty,
            commit >= leadership.firstIndex || !obeys(.readAfterOwnCommit)
        else { return }
        beginRound(&effects)
    }

    /// A round is beginning: it serves the reads that wait. Before the first entry of the term is
    /// committed nobody knows what is, so they wait on.
    mutating func attachReads() {
        guard let current = leadership, current.readsInRound.isEmpty,
            commit >= current.firstIndex || !obeys(.readAfterOwnCommit)
        else { return }
        leadership?.readsInRound = current.readsWaiting
        leadership?.readsWaiting = []
        leadership?.readRound = current.round
        let captured = commit
        leadership?.readIndex = captured
    }

    mutating func confirmReads(_ effects: inout [Effect]) {
        guard let leadership, !leadership.readsInRound.isEmpty,
            Quorum.holds(
                in: log.configuration,
                { member in
                    member == id || !obeys(.readConfirmed)
                        || leadership.followers.contains {
                            $0.member == member
                                && ($0.progress.round >= leadership.readRound
                                    || $0.progress.round > 0 && !obeys(.readRoundIsOwn))
                        }
                })
        else { return }
        self.leadership?.readsInRound = []
        for origin in leadership.readsInRound {
            switch origin {
            case .local(let token): effects.append(.readable(token, leadership.readIndex))
            case .remote(let member, let token):
                send(
                    .readIndexReply(token: token, index: leadership.readIndex), to: member,
                    &effects)
            }
        }
        beginWaitingReads(&effects)
    }

    mutating func readReplied(
        _ token: ReadToken, _ index: Index?, _ effects: inout [Effect]
    ) {
        effects.append(index.map { .readable(token, $0) } ?? .readRefused(token, .busy))
    }

    func refuse(_ origins: [Leadership.ReadOrigin], _ effects: inout [Effect]) {
        for origin in origins {
            switch origin {
            case .local(let token):
                effects.append(.readRefused(token, .notLeader(hint: nil)))
            case .remote(let member, let token):
                send(.readIndexReply(token: token, index: nil), to: member, &effects)
            }
        }
    }
}
