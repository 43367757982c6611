import Consensus

/// What `martlet sim --subject` names.
package enum SubjectName: String, CaseIterable, Sendable {
    /// Names over storage in memory: the fastest, for the protocol itself.
    case memory
    /// Buckets in the production state machine, over the production store, on a simulated disk.
    case disk
    /// Clients with sessions, over the production state in memory.
    case sessions
}

/// What is simulated: a state machine with its storage, and what the oracle has to know about them.
protocol Subject {
    associatedtype Storage: LogStorage where Storage.Machine: Sendable
    typealias Machine = Storage.Machine

    static func machine() -> Machine
    /// The machine of one member, which a planted defect may spoil.
    static func machine(of id: MemberID, _ defect: Defect?) -> Machine
    /// Storage on an empty disk; `nil` when the model itself is the storage.
    static func storage(seed: UInt64) throws -> Storage?
    /// The process dies, perhaps in the middle of `job`, and the power with it. What is left is
    /// everything that was flushed, and perhaps the job.
    static func crash(_ storage: inout Storage, during job: StorageJob<Machine>?, chance: UInt64)
    /// The disk of a dead process forgets a part of what was flushed.
    static func forget(_ storage: inout Storage, _ way: Amnesia, using random: inout Random)
    /// Time passes without a write, so that nothing waits to be flushed.
    static func settle(_ storage: Storage)
    /// Keeps a copy of the files, for ``Amnesia/backup``.
    static func takeBackup(_ storage: Storage)
    /// Changes the state, where the subject has something that can be changed without harm to clients.
    static func disturb(_ machine: inout Machine)
    static var canBeDisturbed: Bool { get }
    /// Has storage watch how much room there is on its disk.
    static func watchSpace(_ storage: Storage)
    /// The disk has no room but for so many bytes; `nil`: it has.
    static func fill(_ storage: Storage, sparing bytes: Int?)
    /// Plants a defect of the storage itself.
    static func plant(_ plant: Defect.Plant, in storage: inout Storage)
    /// The model of what storage must hold; it is fed the same batches.
    static func model() -> MemoryStorage<Machine>

    /// What must be committed before clients begin; `nil`: nothing.
    static func preparation(generation: Generation) -> [UInt8]?
    static func command(_ operation: Operation) -> [UInt8]
    /// The same command, with the state that its proposer has.
    static func command(_ payload: [UInt8], from state: StatePoint) -> [UInt8]
    /// What tells of a forced recovery.
    static func record(_ generation: Generation, after base: Position) -> [UInt8]
    static func digest(_ image: Machine.Image) -> UInt64
    static func holds(_ name: UInt64, _ image: Machine.Image) -> Bool
    static func succeeded(_ outcome: Machine.Outcome) -> Bool

    /// A request of a client with a session; `nil` where there are none.
    static func command(_ request: SessionRequest) -> [UInt8]?
    static func reading(_ outcome: Machine.Outcome) -> SessionReading
}

extension Subject {
    static func machine(of id: MemberID, _ defect: Defect?) -> Machine { machine() }
    static func watchSpace(_ storage: Storage) {}
    static func fill(_ storage: Storage, sparing bytes: Int?) {}
    static func command(_ request: SessionRequest) -> [UInt8]? { nil }
    static func reading(_ outcome: Machine.Outcome) -> SessionReading { .refused }
}

/// What clients do.
enum Operation: Hashable, Sendable {
    case create(UInt64)
    case destroy(UInt64)

    var name: UInt64 {
        switch self {
        case .create(let name), .destroy(let name): name
        }
    }
}
