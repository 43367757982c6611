/// What a node does in the cluster. The role comes from the log and from nowhere else.
public enum NodeRole: UInt8, Sendable, CaseIterable {
    /// A gateway; one of the replicas of the metadata log.
    case proxy = 1
    /// A storage node.
    case target = 2

    /// The word used on the command line and on the wire.
    public var text: String {
        switch self {
        case .proxy: "proxy"
        case .target: "target"
        }
    }

    public init?(text: String) {
        guard let role = Self.allCases.first(where: { $0.text == text }) else { return nil }
        self = role
    }
}
