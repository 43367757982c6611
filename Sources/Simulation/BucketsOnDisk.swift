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

    static func watchSpace(_ storage: SimulatedStore) { storage.watchesSpace = true }
    static func fill(_ storage: SimulatedStore, sparing bytes: Int?) {
        storage.fill(sparing: bytes)
    }

    static func settle(_ storage: SimulatedStore) { storage.settle() }
    static func takeBackup(_ storage: SimulatedStore) { storage.takeBackup() }
    static func disturb(_ machine: inout Catalog) {}
    static var canBeDisturbed: Bool { false }

    static func model() -> MemoryStorage<Catalog> {
        // The model keeps the log; what the state must be at an index, the oracle works out by itself.
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
        change(operation).map(record) ?? []
    }

    static func command(_ payload: [UInt8], from state: StatePoint) -> [UInt8] {
        guard var record = try? LogRecord(decoding: payload) else { return payload }
        (record.stateIndex, record.stateHash) = (state.index.rawValue, state.digest)
        return record.encoded
    }

    static func record(_ generation: Generation, after base: Position) -> [UInt8] {
        guard let id = NodeID("p1") else { return [] }
        let position = LogPosition(
            generation: base.generation.counter, nonce: base.generation.nonce,
            term: base.term.rawValue, index: base.index.rawValue)
        return record(
            .recover(
                RecoveryRecord(
                    generation: .init(counter: generation.counter, nonce: generation.nonce),
                    base: position, chain: 0, candidate: id, survivors: [id], dead: [],
                    committed: base.index.rawValue, tail: [], token: "simulated")))
    }

    static func digest(_ image: ClusterState) -> UInt64 { image.hash }

    static func holds(_ name: UInt64, _ image: ClusterState) -> Bool {
        bucket(name).map { image.buckets[$0] != nil } ?? false
    }

    static func succeeded(_ outcome: Cluster.Outcome) -> Bool {
        if case .success = outcome.result { true } else { false }
    }

    static func command(_ request: SessionRequest) -> [UInt8]? {
        switch request {
        case .open(let milliseconds):
            return record(.session(.open(lifetime: UInt64(milliseconds) * 1_000_000)))
        case .call(let call, let operation):
            var preconditions: [Precondition] = []
            let command: Command?
            switch operation {
            case .plain(let operation): command = change(operation)
            case .compare(let operation, let version):
                preconditions = [Precondition(.buckets, version: version)]
                command = change(operation)
            case .batch(let operations): command = .batch(operations.compactMap(change))
            }
            return command.map {
                LogRecord($0, actor: "simulation", call: call, preconditions: preconditions)
                    .encoded
            }
        }
    }

    static func reading(_ outcome: Cluster.Outcome) -> SessionReading {
        switch outcome.result {
        case .success(let version): .applied(version: version, at: outcome.position)
        case .failure(.sessionExpired): .expired
        case .failure(.changedMeanwhile(_, let version)):
            .outdated(version: version, at: outcome.position)
        case .failure(.bucketExists), .failure(.noSuchBucket): .declined(at: outcome.position)
        case .failure: .refused
        }
    }

    private static func change(_ operation: Operation) -> Command? {
        guard let bucket = bucket(operation.name) else { return nil }
        return switch operation {
        case .create: .createBucket(bucket, BucketProperties())
        case .destroy: .destroyBucket(bucket)
        }
    }

    private static func bucket(_ name: UInt64) -> Bucket? { Bucket(name: "n\(name)") }

    private static func record(_ command: Command) -> [UInt8] {
        LogRecord(command, actor: "simulation").encoded
    }
}
