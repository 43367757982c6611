package import Base
package import Cluster

/// What travels on a follow stream, in both directions. See docs/formats/follow-stream.md.
package enum FollowFrame: Equatable, Sendable {
    /// Down: a piece of the state at one position, sent instead of entries that are no longer there.
    case snapshot(SnapshotPiece)
    /// Down: one committed entry; they come in order and without gaps.
    case entry(LogEntry)
    /// Down: how far the log is committed, also sent when nothing happens, as a sign of life.
    case progress(Progress)
    /// Up: the follower has applied everything up to `position`, and its state has this hash.
    case acknowledge(position: LogPosition, hash: UInt64)

    package struct LogEntry: Equatable, Sendable {
        package enum Kind: UInt8, Sendable {
            /// The payload is a ``Cluster/LogRecord``.
            case command = 0
            /// The payload is the new primary's member id, 8 bytes.
            case leader = 1
            /// Of the consensus group; followers only advance.
            case configuration = 2
        }

        package var position: LogPosition
        package var time: Timestamp
        package var kind: Kind
        package var payload: [UInt8]

        package init(position: LogPosition, time: Timestamp, kind: Kind, payload: [UInt8]) {
            self.position = position
            self.time = time
            self.kind = kind
            self.payload = payload
        }
    }

    package struct Progress: Equatable, Sendable {
        package var clusterID: String
        /// The last committed entry that the proxy has applied.
        package var committed: LogPosition
        /// The id of the primary that the proxy knows; empty when it knows none.
        package var primary: String

        package init(clusterID: String, committed: LogPosition, primary: String) {
            self.clusterID = clusterID
            self.committed = committed
            self.primary = primary
        }
    }

    package struct SnapshotPiece: Equatable, Sendable {
        package enum Encoding: UInt8, Sendable {
            case plain = 0
            case zstd = 1
        }

        package var position: LogPosition
        package var encoding: Encoding
        /// Bytes of the snapshot before and after compression.
        package var plainCount: UInt64
        package var encodedCount: UInt64
        /// Where the piece begins, in the encoded bytes.
        package var offset: UInt64
        package var bytes: [UInt8]

        package init(
            position: LogPosition, encoding: Encoding, plainCount: UInt64, encodedCount: UInt64,
            offset: UInt64, bytes: [UInt8]
        ) {
            self.position = position
            self.encoding = encoding
            self.plainCount = plainCount
            self.encodedCount = encodedCount
            self.offset = offset
            self.bytes = bytes
        }
    }
}
