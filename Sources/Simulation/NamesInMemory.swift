package import Consensus

/// Names over storage in memory: the fastest subject, for the protocol itself.
package enum NamesInMemory: Subject {
    package typealias Storage = MemoryStorage<NameSet>

    package static func machine() -> NameSet { NameSet() }
    package static func storage(seed: UInt64) -> Storage? { nil }
    package static func crashed(_ storage: inout Storage) {}
    package static func model() -> Storage {
        MemoryStorage(blank: NameSet()) { machine, delta in machine.merge(delta) }
    }
    package static func command(_ operation: Operation) -> [UInt8] {
        switch operation {
        case .create(let name): NameSet.payload(creating: name)
        case .destroy(let name): NameSet.payload(destroying: name)
        }
    }
    package static func digest(_ image: NameSet.Image) -> UInt64 { image.history }
    package static func holds(_ name: UInt64, _ image: NameSet.Image) -> Bool {
        image.names.contains(name)
    }
    package static func succeeded(_ outcome: Bool) -> Bool { outcome }
}
