/// What the log holds, whole and as it was written, and the state machine here can make nothing of.
public struct Unreadable: Hashable, Sendable {
    public enum Part: String, Hashable, Sendable {
        /// A committed entry: nothing from it on is applied.
        case entry
        /// A state that the leader has sent, after this entry; what lies before it is not to be had otherwise.
        case state
        /// An entry that says who votes, which the leader has sent: it is not taken, nor what lies behind it.
        case voters
    }

    public var part: Part
    public var mark: LogMark
    /// In the words of the state machine.
    public var reason: String
    /// Whether a later version has written it, so that one of these can read it.
    public var isNewer: Bool

    public init(_ part: Part, at mark: LogMark, reason: String, isNewer: Bool) {
        self.part = part
        self.mark = mark
        self.reason = reason
        self.isNewer = isNewer
    }
}
