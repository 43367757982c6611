/// The first write of a new cluster, made once, by an explicit act, to blank storage.
public enum Founding {
    /// - Parameters:
    ///   - member: the founder, and until others are added the only voter.
    ///   - nonce: random; tells this cluster's generation from any other's.
    /// - Returns: the batch; `LogStorage.write` carries it out.
    public static func batch<Machine: StateMachine>(
        by member: MemberID, nonce: UInt64
    ) -> WriteBatch<Machine> {
        WriteBatch(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: nonce), term: .zero, vote: nil),
            base: LogBase(
                mark: .zero, time: 0, configuration: Configuration(voters: [member])))
    }

    /// The first write of a cluster that goes on from a state which somebody else has kept, because every member is lost: a generation
    /// of its own, as of a forced recovery, whose founder is its only voter. All of it is one write, made to blank
    /// storage: after a crash it has not begun or is complete.
    ///
    /// - Parameters:
    ///   - member: the founder; no member of the lost group.
    ///   - image: the state at `base`.
    ///   - base: the last entry whose effect the state has, in the generation that is left.
    ///   - successor: of a counter above every one that was seen.
    ///   - time: at or behind that of the last entry.
    ///   - record: the payload of the command that tells of it: the first entry of the new generation.
    /// - Returns: the batch; `LogStorage.write` carries it out.
    public static func batch<Machine: StateMachine>(
        by member: MemberID, from image: Machine.Image, at base: Position,
        as successor: Generation, time: UInt64, record: [UInt8]
    ) -> WriteBatch<Machine> {
        precondition(successor.counter > base.generation.counter, "\(successor) after \(base)")
        let configuration = Configuration(voters: [member])
        let mark = LogMark(index: base.index, term: base.term)
        let term = base.term.next
        let contents: [(Entry.Kind, [UInt8])] = [
            (.command, record), (.configuration, configuration.encoded),
            (.leader, Entry.leaderPayload(member)),
        ]
        return WriteBatch(
            sequence: .zero,
            hardState: HardState(
                generation: successor, term: term, vote: member, origin: base),
            installation: Installation(
                base: LogBase(mark: mark, time: time, configuration: configuration), image: image,
                keepsTail: false),
            entries: contents.enumerated().map { offset, content in
                Entry(
                    index: base.index.advanced(by: offset + 1), term: term, time: time,
                    kind: content.0, payload: content.1)
            })
    }
}
