@testable import Consensus

/// The smallest state machine with a history: the payloads of all commands, in order.
struct Ledger: StateMachine, Sendable {
    struct Outcome: Hashable, Sendable { var count: Int }
    typealias Delta = [[UInt8]]
    typealias Image = [[UInt8]]
    struct Damaged: Error {}

    private(set) var lines: [[UInt8]] = []
    private var fresh: [[UInt8]] = []

    mutating func apply(_ entry: Entry) throws -> Outcome {
        if entry.payload == Array("poison".utf8) { throw Damaged() }
        if entry.kind == .command {
            lines.append(entry.payload)
            fresh.append(entry.payload)
        }
        return Outcome(count: lines.count)
    }

    mutating func takeDelta() -> Delta? {
        defer { fresh = [] }
        return fresh.isEmpty ? nil : fresh
    }

    static var emptyDelta: Delta { [] }

    func capture() -> Image { lines }

    var digest: UInt64 {
        var checksum = Checksum()
        for line in lines { checksum.update(line + [0]) }
        return checksum.finalized()
    }

    mutating func restore(_ image: Image) {
        lines = image
        fresh = []
    }

    static func encode(_ image: Image) -> [UInt8] {
        image.flatMap { [UInt8($0.count)] + $0 }
    }

    static func decode(_ bytes: [UInt8]) throws -> Image {
        var image: Image = []
        var rest = bytes[...]
        while let count = rest.popFirst() {
            guard rest.count >= Int(count) else { throw Damaged() }
            image.append(Array(rest.prefix(Int(count))))
            rest = rest.dropFirst(Int(count))
        }
        return image
    }

    static func storage() -> MemoryStorage<Ledger> {
        MemoryStorage(blank: Ledger()) { ledger, delta in ledger.lines += delta }
    }
}
