import Base
import Cluster
import Synchronization

/// The place of one stream among the ``Followers``: it may be without one, and take or leave it as the map changes.
final class FollowerPlace: Sendable {
    private let followers: Followers
    private let id: NodeID
    private let stream = Mutex<UInt64?>(nil)

    init(_ followers: Followers, _ id: NodeID) {
        self.followers = followers
        self.id = id
    }

    /// The follower has come to `position`, and counts.
    func take(at position: LogPosition) {
        stream.withLock { stream in
            if let stream {
                followers.acknowledged(id, stream: stream, at: position)
            } else {
                stream = followers.opened(id, at: position)
            }
        }
    }

    /// It counts no more.
    func leave() {
        stream.withLock { stream in
            if let stream { followers.closed(id, stream: stream) }
            stream = nil
        }
    }
}
