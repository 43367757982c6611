/// Why a committed command changed nothing: an answer, the same on every replica.
public enum Rejection: Error, Equatable, Sendable {
    case alreadyFounded(clusterID: String)
    case notFounded
    case bucketExists(Bucket)
    case noSuchBucket(Bucket)
    case noSuchNode(NodeID)
    /// Another node has this address.
    case addressTaken(NodeAddress, by: NodeID)
    /// The id belongs to a node of the other role.
    case roleDiffers(NodeID, is: NodeRole)
    /// The primary is not removed; another proxy must take over first.
    case isPrimary(NodeID)
    /// The configuration is at another version than the change was checked against.
    case configChanged(version: UInt64)
    /// The node is in maintenance (`true`), or is not, as it was to become.
    case maintenanceIs(Bool, NodeID)
    /// A rebalance is about two targets at least; so many take part in placement.
    case tooFewTargets(Int)
    /// A recovery is recorded once, as the first entry of the generation it begins.
    case notSuccessor(RecoveryRecord.Generation, of: RecoveryRecord.Generation)
}
