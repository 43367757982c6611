/// The first frame of every stream: who speaks, to whom, for which cluster.
package struct Hello: Hashable, Sendable {
    /// Names the cluster; a stream of another one is closed.
    package var cluster: [UInt8]
    package var generation: Generation
    package var sender: MemberID
    package var recipient: MemberID
    /// Where the sender can be reached.
    package var senderURL: String

    package init(
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
