import API
import Base
import Cluster
import HTTP

/// `PUT /v1/daemon/follow?can=URL&after=POSITION`: a proxy that this target does not know says that it is to be followed.
///
/// A founder needs it that has the address of none of its predecessors. It costs nothing to believe it: the stream has to be of this
/// target's cluster, and of no lower generation, as any other.
struct FollowHint {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond() throws {
        guard let after = LogPosition(text: try query.value(QueryName.after) ?? "") else {
            throw Failure(.badPosition, "'after' is missing, or not a position of the log")
        }
        let text = try query.value(QueryName.can) ?? ""
        guard let proxy = try? Endpoint(text) else {
            throw Failure(.badQuery, "'can' is '\(text.excerpt)', not the URL of a proxy")
        }
        let own = target.record.value.position
        guard !after.isOfGeneration(before: own) else {
            throw Failure(
                .olderGeneration,
                "\(proxy) is of generation \(after.generationText), and this target has followed "
                    + own.generationText)
        }
        // One that is followed stays, unless it was left behind.
        if target.status.proxy == nil || own.isOfGeneration(before: after) {
            target.hint.set(proxy)
        }
        exchange.respond(.ok)
    }
}
