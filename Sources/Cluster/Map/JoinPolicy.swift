/// Whether a node has to ask to be put on the map, from one state to the next. Pure.
///
/// A node joins when it starts and when the map has it otherwise than it is. A node that was on the map and is no
/// longer was taken off by an operator, and does not force itself back; but in another generation the map may have
/// forgotten it, so there it joins again.
public struct JoinPolicy: Sendable {
    public enum Step: Equatable, Sendable {
        case join
        /// The map has the node as it is, or the node was told already that it has been removed.
        case wait
        /// The node has just been found to be taken off the map.
        case removed
    }

    private var listedIn: (generation: UInt64, nonce: UInt64)?
    private var isRemoved = false

    public init() {}

    /// The node was put on the map at this position. When a state from there on does not have it, somebody has taken it off
    /// meanwhile, whether or not the node has seen itself listed.
    public mutating func admitted(at position: LogPosition) {
        listedIn = (position.generation, position.nonce)
        isRemoved = false
    }

    /// - Parameters:
    ///   - id: the node's own.
    ///   - isJoined: whether the map has the node exactly as it is.
    ///   - state: the newest one.
    /// - Returns: what the node has to do now.
    public mutating func next(_ id: NodeID, isJoined: Bool, _ state: ClusterState) -> Step {
        let generation = (state.position.generation, state.position.nonce)
        if state.map[id] != nil {
            listedIn = generation
            isRemoved = false
            return isJoined ? .wait : .join
        }
        guard let listedIn, listedIn == generation else { return .join }
        defer { isRemoved = true }
        return isRemoved ? .wait : .removed
    }
}
