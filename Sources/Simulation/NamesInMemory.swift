import Consensus

/// Names over storage in memory: the fastest subject, for the protocol itself.
enum NamesInMemory: Subject {
    typealias Storage = MemoryStorage<NameSet>

    static func machine() -> NameSet { NameSet() }
    static func storage(seed: UInt64) -> Storage? { nil }
    static func crash(_ storage: inout Storage, during job: StorageJob<NameSet>?, chance: UInt64) {}
    static func plant(_ plant: Defect.Plant, in storage: inout Storage) {}
    static func forget(_ storage: inout Storage, _ way: Amnesia, using random: inout Random) {}
    static func settle(_ storage: Storage) {}
    static func takeBackup(_ storage: Storage) {}
    static func disturb(_ machine: inout NameSet) {
        machine.disturb()
    }
    static var canBeDisturbed: Bool { true }
    static func model() -> Storage {
        MemoryStorage(blank: NameSet()) { machine, delta in machine.merge(delta) }
    }
    static func preparation(generation: Generation) -> [UInt8]? { nil }
    static func command(_ operation: Operation) -> [UInt8] {
        switch operation {
        case .create(let name): NameSet.payload(creating: name)
        case .destroy(let name): NameSet.payload(destroying: name)
        }
    }
    static func command(_ payload: [UInt8], from state: StatePoint) -> [UInt8] {
        NameSet.payload(payload, from: state)
    }
    static func record(_ generation: Generation, after base: Position) -> [UInt8] {
        NameSet.payload(creating: .max)
    }
    static func digest(_ image: NameSet.Image) -> UInt64 { image.history }
    static func holds(_ name: UInt64, _ image: NameSet.Image) -> Bool {
        image.names.contains(name)
    }
    static func succeeded(_ outcome: Bool) -> Bool { outcome }
}
