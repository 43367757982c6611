import Base
import Cluster
import Consensus
import MetaStore

/// Buckets in the production state machine, over the production store, on a simulated disk.
enum BucketsOnDisk: Subject {
    typealias Storage = SimulatedStore

    static func machine() -> Catalog { Catalog() }
    static func storage(seed: UInt64) throws -> SimulatedStore? { try SimulatedStore(seed: seed) }

    static func crash(
        _ storage: inout SimulatedStore, during job: StorageJob<Catalog>?, chance: UInt64
    ) {
        storage.crash(during: job, after: Int(chance % 40))
    }

    static func plant(_ plant: Defect.Plant, in storage: inout SimulatedStore) {
        if plant == .ignoresSync { storage.disk.liesAboutSyncs = true }
        if plant == .floorAfterMessage { storage.hasLateFloor = true }
    }

    static func forget(
        _ storage: inout SimulatedStore, _ way: Amnesia, using random: inout Random
    ) {
        storage.forget(way, using: &random)
    }

    static func settle(_ storage: SimulatedStore) { storage.settle() }
    static func takeBackup(_ storage: SimulatedStore) { storage.takeBackup() }
    static func disturb(_ machine: inout Catalog) {}
    static var canBeDisturbed: Bool { false }

    static func model() -> MemoryStorage<Catalog> {
        // The model keeps the log; what the state must be at an index, the oracle knows from others.
        MemoryStorage(blank: Catalog()) { _, _ in }
    }

    static func preparation(generation: Generation) -> [UInt8]? {
        guard let id = NodeID("p1"), let address = NodeAddress(host: "127.0.0.1", port: 1) else {
            return nil
        }
        let founder = Node(id: id, role: .proxy, address: address, member: 1)
        return record(
            .found(
                clusterID: "simulated", founder: founder, generation: generation.counter,
                nonce: generation.nonce))
    }

    static func command(_ operation: Operation) -> [UInt8] {
        guard let bucket = bucket(operation.name) else { return [] }
        return switch operation {
        case .create: record(.createBucket(bucket, BucketProperties()))
        case .destroy: record(.destroyBucket(bucket))
        }
    }

    static func digest(_ image: ClusterState) -> UInt64 { image.hash }

    static func holds(_ name: UInt64, _ image: ClusterState) -> Bool {
        bucket(name).map { image.buckets[$0] != nil } ?? false
    }

    static func succeeded(_ outcome: Cluster.Outcome) -> Bool {
        if case .success = outcome.result { true } else { false }
    }

    private static func bucket(_ name: UInt64) -> Bucket? { Bucket(name: "n\(name)") }

    private static func record(_ command: Command) -> [UInt8] {
        LogRecord(command, actor: "simulation").encoded
    }
}
