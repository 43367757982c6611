import API
import Synchronization

/// What happens rarely enough to be counted with one number for all threads.
package enum Event: Int, CaseIterable, Sendable {
    /// A file could not be read or written.
    case fileError
    /// Bytes that are not those of their checksum.
    case checksumError
    case rangeError
    /// Refused for want of room on a disk.
    case outOfSpace
    /// A head that could not be read, that came too slowly, or for which there was no room; no handler has seen it.
    case refused
    /// What an object's file says of itself does not decode, or contradicts it.
    case metadataError
    /// Of those whose checksum differed.
    case checksumBytes
}

/// One number per code, of the failures that this node has answered with.
final class FailureCounters: Sendable {
    private let cells: [FailureCode: Cell] = Dictionary(
        uniqueKeysWithValues: FailureCode.allCases.map { ($0, Cell()) })

    private final class Cell: Sendable {
        let value = Atomic<UInt64>(0)
    }

    func add(_ code: FailureCode) {
        cells[code]?.value.wrappingAdd(1, ordering: .relaxed)
    }

    /// In the order of the codes.
    var counts: [(code: FailureCode, count: UInt64)] {
        FailureCode.allCases.map { ($0, cells[$0]?.value.load(ordering: .relaxed) ?? 0) }
    }
}

/// One number per ``Event``.
final class EventCounters: Sendable {
    private let cells: [Cell] = Event.allCases.map { _ in Cell() }

    private final class Cell: Sendable {
        let value = Atomic<UInt64>(0)
    }

    func add(_ amount: UInt64, to event: Event) {
        cells[event.rawValue].value.wrappingAdd(amount, ordering: .relaxed)
    }

    subscript(event: Event) -> UInt64 {
        cells[event.rawValue].value.load(ordering: .relaxed)
    }
}
