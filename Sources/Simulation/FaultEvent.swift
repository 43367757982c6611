/// One thing that goes wrong, or that the operator does, at a moment of virtual time.
package struct FaultEvent: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// Member `a` dies and starts again after the duration.
        case crash
        /// All die; each starts within the duration.
        case crashAll
        /// Member `a` gets no processor (TM-02, TM-04).
        case pause
        /// Members whose bit is set in `a` do not reach the others, nor the others them (NW-03).
        case partition
        /// Nobody reaches the leader, nor the leader anybody; clients still do.
        case isolateLeader
        /// Messages from `a` to `b` are lost.
        case cut
        /// Messages from `a` to `b` wait, and then arrive all at once (NW-04).
        case hold
        /// The disk of `a` answers late (ST-07).
        case stall
        /// A flush of `a` fails; the member stops, and starts again after the duration (ST-05).
        case flushError
        /// The wall clock of `a` jumps ahead by the duration (TM-01).
        case leap
        /// The operator asks member `a` to hand leadership to `b`.
        case transfer
        /// The operator asks the leader to add `a`; the same for the three that follow (MB-17).
        case addLearner
        case promote
        case demote
        case remove
        /// The disk of `a` is replaced by an empty one: another member stands there now.
        case wipe
        /// Member `a` dies, its disk forgets a part of what was flushed, `b` says how (``Amnesia``), and it starts again after the
        /// duration (PC-12, ST-02, ST-03).
        case forget
        /// A row of `a` is found to be bad (ST-12).
        case damage
        /// The state of `a` changes although no entry says so (ST-13).
        case disturb
        /// The same; and as soon as `a` knows it for good, the disk of another voter is replaced by an empty one (ST-13).
        case outvote
        /// The same; and before anybody notices, a forced recovery goes on with `a` alone; `b` says how, but for what would take
        /// others along (``World/Disaster``, ST-13).
        case strand
        /// Member `a` is told that nobody listens where `b` does, which is not so.
        case falseAlarm
        /// Old messages arrive once more.
        case replay
        /// No client asks for anything.
        case quiet
        /// `a` writes at once.
        case burst
        /// The links of member `a` carry `b` kilobytes a second (NW-06).
        case throttle
        /// Members whose bit is set in `a` are lost, and the operator forces a survivor; `b` says how
        /// (``Disaster``).
        case force
        /// A copy of the disk of `a` starts somewhere else, for the duration: everybody hears it, and nobody's answer reaches it,
        /// because the map has the address of the other one (PC-11).
        case clone
        /// The disk of `a` is full for the duration, that of everybody when `a` is 0; `b` says what is left of it (ST-06).
        case fill
    }

    package var kind: Kind
    /// Nanoseconds since the run began.
    package var time: UInt64
    package var a: Int
    package var b: Int
    /// Nanoseconds.
    package var duration: UInt64
}

extension FaultEvent {
    /// `at MICROSECONDS KIND A B MICROSECONDS`.
    var text: String { "at \(time / 1_000) \(kind.rawValue) \(a) \(b) \(duration / 1_000)" }

    init?(_ words: [Substring]) {
        guard words.count == 6, words[0] == "at", let time = UInt64(words[1]),
            let kind = Kind(rawValue: String(words[2])), let a = Int(words[3]),
            let b = Int(words[4]), let duration = UInt64(words[5])
        else { return nil }
        self.init(
            kind: kind, time: time * 1_000, a: a, b: b, duration: duration * 1_000)
    }
}
