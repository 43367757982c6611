/// Damage in what storage holds, from its discovery to the write that has replaced everything.
public struct Repair: Sendable {
    /// What was found and is not mended yet.
    public private(set) var damage: String?
    /// Damage that was mended.
    public private(set) var mended = 0
    private var write: WriteSequence?
    private var dueTick: UInt64 = 0

    /// Ticks between two attempts: while leadership is handed over, or when the core had something else under way.
    private static let attemptTicks: UInt64 = 20

    /// - Returns: whether that is news.
    mutating func found(_ damage: String) -> Bool {
        guard self.damage == nil else { return false }
        self.damage = damage
        return true
    }

    func isDue(at tick: UInt64) -> Bool { damage != nil && write == nil && tick >= dueTick }

    mutating func tried(at tick: UInt64) { dueTick = tick + Self.attemptTicks }

    mutating func requested(_ sequence: WriteSequence) { write = sequence }

    /// - Returns: what is mended now.
    mutating func written(_ sequence: WriteSequence) -> String? {
        guard let write, write <= sequence else { return nil }
        self.write = nil
        mended += 1
        defer { damage = nil }
        return damage
    }
}
