// How traces and transcripts write messages: short, and without payloads.
extension Message {
    public var text: String {
        switch self {
        case .preVoteRequest(_, let last): "pre-vote? last \(last)"
        case .preVoteReply(_, let granted): "pre-vote \(granted ? "granted" : "refused")"
        case .voteRequest(let last, let isTransfer):
            "vote? last \(last)\(isTransfer ? " transfer" : "")"
        case .voteReply(let granted): "vote \(granted ? "granted" : "refused")"
        case .append(let previous, let entries, let commit):
            "append after \(previous):\(entries.map { " \($0.text)" }.joined()) commit \(commit)"
        case .appendAccepted(let match): "accepted \(match)"
        case .appendRejected(let rejected, let hint): "rejected \(rejected) hint \(hint)"
        case .heartbeat(let round, let commit): "heartbeat \(round) commit \(commit.index)"
        case .appendHeld(let match): "held \(match)"
        case .heartbeatReply(let round, _, let isShort): "heard \(round)\(isShort ? " short" : "")"
        case .promised(let mark): "promised \(mark)"
        case .stateDigests(let points): "digests up to \(points.first?.index ?? .zero)"
        case .snapshotWanted(let index): "snapshot wanted from \(index)"
        case .snapshotChunk(let chunk):
            "snapshot \(chunk.base.mark) bytes \(chunk.offset)+\(chunk.bytes.count) "
                + "of \(chunk.byteCount)"
        case .snapshotProgress(let last, let nextOffset):
            "snapshot \(last) has \(nextOffset)"
        case .snapshotRefused(let last): "snapshot \(last) refused"
        case .timeoutNow(let note): "timeout now\(note.isEmpty ? "" : " with a note")"
        case .readIndexRequest: "read?"
        case .readIndexReply(_, let index): "read \(index.map { "at \($0)" } ?? "refused")"
        case .staleTerm: "stale term"
        case .superseded: "superseded"
        case .removed: "removed"
        }
    }
}

extension Entry {
    /// Index, term and kind.
    public var text: String {
        switch kind {
        case .command: "\(mark)"
        case .leader: "\(mark)/leader"
        case .configuration:
            "\(mark)/\(configuration.map(String.init(describing:)) ?? "damaged")"
        }
    }
}
