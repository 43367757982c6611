import Base
import Cluster
import Consensus
import MetaStore

/// The production state over storage in memory, for clients with sessions: the fastest subject that has them.
enum SessionsInMemory: Subject {
    typealias Storage = MemoryStorage<SpoiltCatalog>

    static func machine() -> SpoiltCatalog { SpoiltCatalog() }
    static func machine(of id: MemberID, _ defect: Defect?) -> SpoiltCatalog {
        guard case .planted(let plant) = defect else { return SpoiltCatalog() }
        return SpoiltCatalog(plant, of: id)
    }
    static func storage(seed: UInt64) -> Storage? { nil }
    static func crash(
        _ storage: inout Storage, during job: StorageJob<SpoiltCatalog>?, chance: UInt64
    ) {}
    static func plant(_ plant: Defect.Plant, in storage: inout Storage) {}
    static func forget(_ storage: inout Storage, _ way: Amnesia, using random: inout Random) {}
    static func settle(_ storage: Storage) {}
    static func takeBackup(_ storage: Storage) {}
    static func disturb(_ machine: inout SpoiltCatalog) {}
    static var canBeDisturbed: Bool { false }
    static func model() -> Storage {
        MemoryStorage(blank: SpoiltCatalog()) { machine, delta in machine.merge(delta) }
    }
    static func preparation(generation: Generation) -> [UInt8]? {
        BucketsOnDisk.preparation(generation: generation)
    }
    static func command(_ operation: Operation) -> [UInt8] { BucketsOnDisk.command(operation) }
    static func command(_ payload: [UInt8], from state: StatePoint) -> [UInt8] {
        BucketsOnDisk.command(payload, from: state)
    }
    static func record(_ generation: Generation, after base: Position) -> [UInt8] {
        BucketsOnDisk.record(generation, after: base)
    }
    static func digest(_ image: SpoiltCatalog.Image) -> UInt64 { image.state.hash }
    static func holds(_ name: UInt64, _ image: SpoiltCatalog.Image) -> Bool {
        BucketsOnDisk.holds(name, image.state)
    }
    static func succeeded(_ outcome: Cluster.Outcome) -> Bool { BucketsOnDisk.succeeded(outcome) }
    static func command(_ request: SessionRequest) -> [UInt8]? { BucketsOnDisk.command(request) }
    static func reading(_ outcome: Cluster.Outcome) -> SessionReading {
        BucketsOnDisk.reading(outcome)
    }
}

/// ``Cluster/ClusterState`` as members run it, with room for defects that its own code does not have.
struct SpoiltCatalog: StateMachine, Sendable {
    struct Image: Sendable {
        var state = ClusterState()
        var plant: Defect.Plant?
    }
    struct Delta: Sendable {
        var state: ClusterState?
    }

    private var image = Image()
    /// How far the clock that a spoilt member goes by is ahead, nanoseconds.
    private var ahead: UInt64 = 0

    init() {}

    init(_ plant: Defect.Plant, of id: MemberID) {
        image.plant = plant
        if plant == .endsSessionsByClock { ahead = id.rawValue * 200_000_000 }
    }

    mutating func apply(_ entry: Entry) throws -> Cluster.Outcome {
        var kind = LogEntryKind.configuration
        var payload = entry.payload
        if let leader = entry.leader { kind = .leader(member: leader.rawValue) }
        if entry.kind == .command {
            kind = .command
            if image.plant == .makesCopies { payload = try withoutKnownCall(payload) }
        }
        let time = try time(of: entry, payload)
        var changes: [StateRow.Change] = []
        return try image.state.apply(
            kind, payload: payload, term: entry.term.rawValue, index: entry.index.rawValue,
            time: time, changes: &changes)
    }

    /// The entry's; but where the member's own clock says that the session has ended, that one.
    private func time(of entry: Entry, _ payload: [UInt8]) throws -> Timestamp {
        let time = Timestamp(nanoseconds: entry.time)
        guard ahead > 0, entry.kind == .command,
            let call = try LogRecord(decoding: payload).call
        else { return time }
        let own = Timestamp(nanoseconds: entry.time + ahead)
        return image.state.sessions[call.session]?.isExpired(at: own) == true ? own : time
    }

    /// A copy of a request that was made is made again.
    private func withoutKnownCall(_ payload: [UInt8]) throws -> [UInt8] {
        var record = try LogRecord(decoding: payload)
        if let call = record.call,
            image.state.sessions[call.session]?.outcome(of: call.sequence) != nil
        {
            record.call = nil
        }
        return record.encoded
    }

    mutating func takeDelta() -> Delta? { Delta(state: image.state) }
    static var emptyDelta: Delta { Delta() }
    func capture() -> Image { image }
    var digest: UInt64 { image.state.hash }
    static func proposerState(in entry: Entry) -> StatePoint? { Catalog.proposerState(in: entry) }
    mutating func restore(_ image: Image) { self.image.state = image.state }

    mutating func merge(_ delta: Delta) {
        if let state = delta.state { image.state = state }
    }

    static func encode(_ image: Image) -> [UInt8] {
        guard image.plant == .forgetsSessions else { return image.state.snapshot }
        let rows = image.state.rows.filter { $0.kind != .session }
        return (try? ClusterState(rows: rows, position: image.state.position))?.snapshot ?? []
    }

    static func decode(_ bytes: [UInt8]) throws -> Image {
        Image(state: try ClusterState(snapshot: bytes))
    }
}
