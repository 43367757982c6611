/// The first frame of every stream: who speaks, to whom, for which cluster.
public struct Hello: Hashable, Sendable {
    /// Names the cluster; a stream of another one is closed.
    public var cluster: [UInt8]
    public var generation: Generation
    public var sender: MemberID
    public var recipient: MemberID
    /// Where the sender can be reached.
    public var senderURL: String

    public init(
        cluster: [UInt8], generation: Generation, sender: MemberID, recipient: MemberID,
        senderURL: String
    ) {
        self.cluster = cluster
        self.generation = generation
        self.sender = sender
        self.recipient = recipient
        self.senderURL = senderURL
    }
}
