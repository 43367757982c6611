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
    /// A document is at another version than the change rests on (``Precondition``, ``ConfigChange/base``).
    case changedMeanwhile(Precondition.Document, version: UInt64)
    /// The node is in maintenance (`true`), or is not, as it was to become.
    case maintenanceIs(Bool, NodeID)
    /// A rebalance is about two targets at least; so many take part in placement.
    case tooFewTargets(Int)
    /// A recovery is recorded once, as the first entry of the generation it begins.
    case notSuccessor(RecoveryRecord.Generation, of: RecoveryRecord.Generation)
    /// The session has ended, or there was none of that name in this log. What its earlier requests came to is not known
    /// any more.
    case sessionExpired(LogPosition)
    /// A request whose outcome the session has let go: it may have been made. Sequence numbers up to this one are gone.
    case sequenceForgotten(through: UInt64)
    case tooManySessions(Int)
    /// Refused before it came to the log, within a session: the client's answer then, and from now on.
    case refused(code: String, message: String)
    /// A change of a batch was refused, and so the whole batch; changes are counted from 1.
    indirect case inBatch(change: Int, Rejection)
}
