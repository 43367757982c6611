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
}
