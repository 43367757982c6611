/// A state machine as small as it can be: a set of names, and the history that led to it.
///
/// It stands here so that the driver is compiled for it (`@specialized`): simulations run the
/// production pipeline over it, hundreds of millions of steps, and looking types up at run time
/// would take most of the time.
public struct NameSet: StateMachine, Sendable {
    public struct Image: Sendable {
        public var names: Set<UInt64> = []
        /// Mixed from every applied command, so that equal images mean equal histories.
        public var history: UInt64 = 0
    }
    public struct Delta: Sendable {
        var changes: [(name: UInt64, isPresent: Bool)]
        var history: UInt64
    }
    public struct Damaged: Error {}

    public private(set) var image = Image()

    private var changes: [(name: UInt64, isPresent: Bool)] = []

    public init() {}

    /// Whether the command changed anything.
    public mutating func apply(_ entry: Entry) throws -> Bool {
        guard entry.kind == .command else { return true }
        guard [9, 25].contains(entry.payload.count) else { throw Damaged() }
        let name = Self.number(entry.payload, at: 1)
        let creates = entry.payload[0] == 1
        var random = Random(seed: image.history ^ name ^ (creates ? 1 << 63 : 0))
        image.history = random.next()
        guard image.names.contains(name) != creates else { return false }
        if creates { image.names.insert(name) } else { image.names.remove(name) }
        changes.append((name, creates))
        return true
    }

    public mutating func takeDelta() -> Delta? {
        defer { changes = [] }
        return Delta(changes: changes, history: image.history)
    }

    public static var emptyDelta: Delta { Delta(changes: [], history: 0) }
    public func capture() -> Image { image }
    public var digest: UInt64 { image.history }

    public static func proposerState(in entry: Entry) -> StatePoint? {
        guard entry.kind == .command, entry.payload.count == 25 else { return nil }
        return StatePoint(
            index: Index(number(entry.payload, at: 9)), digest: number(entry.payload, at: 17))
    }

    /// For simulations: the history is another one, as by a defect of memory; the names stay as they are.
    public mutating func disturb() { image.history ^= 1 }

    public mutating func restore(_ image: Image) {
        self.image = image
        changes = []
    }

    public static func encode(_ image: Image) -> [UInt8] {
        bytes(image.history) + image.names.sorted().flatMap(bytes)
    }

    public static func decode(_ bytes: [UInt8]) throws -> Image {
        guard bytes.count >= 8, bytes.count.isMultiple(of: 8) else { throw Damaged() }
        var numbers = stride(from: 0, to: bytes.count, by: 8).map { number(bytes, at: $0) }
        let history = numbers.removeFirst()
        return Image(names: Set(numbers), history: history)
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    private static func number(_ bytes: [UInt8], at start: Int) -> UInt64 {
        (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }

    /// Brings stored names up to date with a change.
    public mutating func merge(_ delta: Delta) {
        for change in delta.changes {
            if change.isPresent {
                image.names.insert(change.name)
            } else {
                image.names.remove(change.name)
            }
        }
        image.history = delta.history
    }

    /// The payload of a command that creates or destroys a name; it succeeds when that changes
    /// something.
    public static func payload(creating name: UInt64) -> [UInt8] { [1] + bytes(name) }
    public static func payload(destroying name: UInt64) -> [UInt8] { [0] + bytes(name) }

    /// The same command, with the state that its proposer has.
    public static func payload(_ command: [UInt8], from state: StatePoint) -> [UInt8] {
        command + bytes(state.index.rawValue) + bytes(state.digest)
    }
}
