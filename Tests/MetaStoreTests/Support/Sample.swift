import Base
import Cluster
import Consensus
import MetaStore
import Testing

/// Batches as the driver writes them.
enum Sample {
    static var founding: WriteBatch<Catalog> { Founding.batch(by: MemberID(7), nonce: 9) }

    static func entries(_ indices: ClosedRange<UInt64>, term: UInt64) -> [Entry] {
        indices.map {
            Entry(
                index: Index($0), term: Term(term), time: $0, kind: .command,
                payload: [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: term)])
        }
    }

    static func batch(entries: ClosedRange<UInt64>, term: UInt64) -> WriteBatch<Catalog> {
        WriteBatch(
            sequence: .zero,
            hardState: HardState(
                generation: Generation(counter: 1, nonce: 9), term: Term(term), vote: MemberID(7)),
            entries: self.entries(entries, term: term))
    }

    /// The founding of a cluster and two buckets.
    static func cluster() throws -> [Entry] {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 7)
        let commands: [Command] = [
            .found(clusterID: "c", founder: founder, generation: 1, nonce: 9),
            .createBucket(try #require(Bucket(name: "a")), BucketProperties()),
            .createBucket(try #require(Bucket(name: "b")), BucketProperties()),
        ]
        return commands.enumerated().map { place, command in
            Entry(
                index: Index(UInt64(place) + 1), term: Term(1), time: UInt64(place),
                kind: .command, payload: LogRecord(command, actor: "test").encoded)
        }
    }
}
