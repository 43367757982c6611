import MetaStore

/// A floor on a simulated disk. Flushes that nobody waits for happen with the next write, so that a power cut before it finds
/// the floor behind.
final class SimulatedFloor: FloorMedium, @unchecked Sendable {
    // Safety: a simulation has one thread.
    static let name = "/metadata.floor"

    private let disk: SimulatedDisk
    private var planned: (@Sendable () -> Void)?
    /// The planted defect: the floor is written when the messages it is to cover have long gone.
    private let isLate: Bool
    private var held: (bytes: [UInt8], offset: Int)?

    init(_ disk: SimulatedDisk, isLate: Bool) {
        self.disk = disk
        self.isLate = isLate
        _ = disk.open(Self.name, creating: true)
    }

    func read() throws(DatabaseError) -> [UInt8] {
        let count = disk.size(of: Self.name) ?? 0
        var bytes = [UInt8](repeating: 0, count: count)
        let done = bytes.withUnsafeMutableBytes { disk.read(Self.name, into: $0, at: 0) }
        guard done == count || count == 0 else { throw Self.failure("read") }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(DatabaseError) {
        if isLate {
            let late = held
            held = (bytes, offset)
            guard let late else { return }
            return try put(late.bytes, at: late.offset)
        }
        try put(bytes, at: offset)
    }

    private func put(_ bytes: [UInt8], at offset: Int) throws(DatabaseError) {
        let result = bytes.withUnsafeBytes { disk.write(Self.name, $0, at: offset) }
        guard result == .done else {
            throw Self.failure("write", isFull: result == .full)
        }
    }

    func flush() throws(DatabaseError) {
        guard disk.sync(Self.name) else { throw Self.failure("flush") }
    }

    func flushBehind(atOnce: Bool, _ flush: @escaping @Sendable () -> Void) {
        // Who waits flushes itself.
        if !atOnce { planned = flush }
    }

    /// A few milliseconds have passed.
    func carryOutPlan() {
        let flush = planned
        planned = nil
        flush?()
    }

    private static func failure(_ what: String, isFull: Bool = false) -> DatabaseError {
        DatabaseError(
            kind: isFull ? .full : .inputOutput, code: 0,
            message: "cannot \(what) \(name)\(isFull ? ": disk is full" : "")")
    }
}
