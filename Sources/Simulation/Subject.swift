package import Consensus

/// What is simulated: a state machine with its storage, and what the oracle has to know about them.
package protocol Subject {
    associatedtype Storage: LogStorage where Storage.Machine: Sendable

    static func machine() -> Storage.Machine
    /// Storage on an empty disk; `nil` when the model itself is the storage.
    static func storage(seed: UInt64) throws -> Storage?
    /// What is left after the process has died: everything that was flushed.
    static func crashed(_ storage: inout Storage)
    /// The model of what storage must hold; it is fed the same batches.
    static func model() -> MemoryStorage<Storage.Machine>

    static func command(_ operation: Operation) -> [UInt8]
    static func digest(_ image: Storage.Machine.Image) -> UInt64
    static func holds(_ name: UInt64, _ image: Storage.Machine.Image) -> Bool
    static func succeeded(_ outcome: Storage.Machine.Outcome) -> Bool
}

/// What clients do.
package enum Operation: Hashable, Sendable {
    case create(UInt64)
    case destroy(UInt64)

    package var name: UInt64 {
        switch self {
        case .create(let name), .destroy(let name): name
        }
    }
}
