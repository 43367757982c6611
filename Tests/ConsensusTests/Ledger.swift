@testable import Consensus

/// The smallest state machine with a history: the payloads of all commands, in order.
struct Ledger: StateMachine, Sendable {
    struct Outcome: Hashable, Sendable { var count: Int }
    /// Lines by their places.
    typealias Delta = [Int: [UInt8]]
    typealias Image = [[UInt8]]
    struct Damaged: Error {}
    /// Of a later version.
    struct Unknown: Error {}

    /// Whether it is of the version that has written `poison`.
    let isLater: Bool
    private(set) var lines: [[UInt8]] = []
    private var fresh: Delta = [:]

    init(isLater: Bool = false) {
        self.isLater = isLater
    }

    mutating func apply(_ entry: Entry) throws -> Outcome {
        if entry.payload == Array("poison".utf8) { throw Damaged() }
        if entry.payload == Array("later".utf8), !isLater { throw Unknown() }
        if entry.kind == .command {
            fresh[lines.count] = entry.payload
            lines.append(entry.payload)
        }
        return Outcome(count: lines.count)
    }

    mutating func takeDelta() -> Delta? {
        defer { fresh = [:] }
        return fresh.isEmpty ? nil : fresh
    }

    static func isNewer(_ failure: any Error) -> Bool { failure is Unknown }

    static var emptyDelta: Delta { [:] }

    func capture() -> Image { lines }

    var digest: UInt64 {
        var checksum = Checksum()
        for line in lines { checksum.update(line + [0]) }
        return checksum.finalized()
    }

    static func proposerState(in entry: Entry) -> StatePoint? {
        let tail = entry.payload.suffix(16)
        guard entry.kind == .command, entry.payload.count > 17,
            entry.payload[tail.startIndex - 1] == 0
        else { return nil }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        return StatePoint(index: Index(number(tail.prefix(8))), digest: number(tail.suffix(8)))
    }

    /// A line that tells of the state that its proposer has.
    static func line(_ text: String, from state: StatePoint) -> [UInt8] {
        let tail = [state.index.rawValue, state.digest].flatMap { number in
            (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
        }
        return Array(text.utf8) + [0] + tail
    }

    mutating func restore(_ image: Image) {
        lines = image
        fresh = [:]
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
            if image.last == Array("a state of its own".utf8) { throw Unknown() }
            rest = rest.dropFirst(Int(count))
        }
        return image
    }

    static func storage() -> MemoryStorage<Ledger> {
        MemoryStorage(blank: Ledger()) { ledger, delta in
            for (place, line) in delta.sorted(by: { $0.key < $1.key }) {
                if place < ledger.lines.count {
                    ledger.lines[place] = line
                } else {
                    ledger.lines.append(line)
                }
            }
        }
    }
}
