/// What a leader knows about one follower, and how it sends to it.
struct Progress: Hashable, Sendable {
    enum State: Hashable, Sendable {
        /// Where the logs agree is not known: one message at a time, until a reply.
        case probe(isWaiting: Bool)
        /// The logs agree up to `next`: messages follow one another without waiting.
        case replicate
        /// The follower needs entries that are no longer there. `nil`: no snapshot taken yet.
        case snapshot(Transfer?)
    }

    struct Transfer: Hashable, Sendable {
        var base: LogBase
        var offset: UInt64
        /// Heartbeat replies since the last chunk was sent.
        var silence = 0
        /// The last chunk was sent because of that silence, so the follower may have begun anew.
        var isRepeat = false
    }

    struct InFlight: Hashable, Sendable {
        var first: Index
        var last: Index
        var bytes: Int
    }

    var state = State.probe(isWaiting: false)
    /// The follower holds the leader's log durably up to here.
    var match = Index.zero
    /// The heartbeat round that was under way when `match` was last confirmed.
    var matchRound: UInt64 = 0
    /// It says that its log does not have what it has promised; until it says otherwise, it does not count.
    var isRecovering = false
    /// It says that its disk has no room: it is sent nothing before it says otherwise.
    var isShortOfSpace = false
    /// It confirmed entries up to here in this term and lost them; until it has them again, it does not count.
    var forgotten: Index?
    /// The first entry of the next message.
    var next: Index
    var inFlight: [InFlight] = []
    var inFlightBytes = 0
    /// Heartbeat replies since the last acknowledgement while something was in flight.
    var stalledReplies = 0
    /// A read from storage is under way.
    var isReading = false
    /// The highest commit index the follower was told.
    var commitSent = Index.zero
    /// The last heartbeat round it answered.
    var round: UInt64 = 0
    /// It was alive after this tick: then began the last heartbeat round that it answered. When its
    /// messages arrive says nothing, because they may have been under way for long.
    var contact: UInt64

    init(next: Index, contact: UInt64) {
        self.next = next
        self.contact = contact
    }

    mutating func becomeProbe(next: Index) {
        state = .probe(isWaiting: false)
        self.next = max(next, match.next)
        clearFlight()
    }

    mutating func becomeReplicate() {
        state = .replicate
        clearFlight()
        next = match.next
    }

    mutating func becomeSnapshot() {
        state = .snapshot(nil)
        clearFlight()
    }

    mutating func sent(through last: Index, bytes: Int) {
        inFlight.append(InFlight(first: next, last: last, bytes: bytes))
        inFlightBytes += bytes
        next = last.next
    }

    /// Notes an acknowledgement; `false` when it says nothing new.
    mutating func acknowledged(_ index: Index, in round: UInt64) -> Bool {
        guard index > match else { return false }
        match = index
        matchRound = round
        if let lost = forgotten, index >= lost { forgotten = nil }
        stalledReplies = 0
        let arrived = inFlight.prefix { $0.last <= index }
        inFlightBytes -= arrived.reduce(0) { $0 + $1.bytes }
        inFlight.removeFirst(arrived.count)
        next = max(next, index.next)
        return true
    }

    func hasRoom(_ limits: Limits) -> Bool {
        inFlight.count < limits.inFlightMessagesMax && inFlightBytes < limits.inFlightBytesMax
    }

    private mutating func clearFlight() {
        inFlight.removeAll()
        inFlightBytes = 0
        stalledReplies = 0
    }
}

extension Progress {
    /// A round of heartbeats was answered: whatever should have been acknowledged meanwhile and was
    /// not, several times in a row, is taken for lost.
    mutating func noteSilence(_ limits: Limits) {
        stalledReplies += 1
        switch state {
        case .probe(isWaiting: true) where stalledReplies >= limits.stalledRepliesMax:
            becomeProbe(next: inFlight.first?.first ?? next)
        case .replicate where inFlight.isEmpty:
            stalledReplies = 0
        case .replicate where stalledReplies >= limits.stalledRepliesMax:
            becomeProbe(next: match.next)
        case .snapshot(var transfer?):
            transfer.silence += 1
            state = .snapshot(transfer)
        case .probe, .replicate, .snapshot:
            break
        }
    }
}
