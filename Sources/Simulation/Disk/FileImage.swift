import Base

/// One file: what programs see, what would survive, and the changes in between.
package struct FileImage {
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    private(set) var current: [UInt8] = []
    private var durable: [UInt8] = []
    private var pending: [Change] = []
    /// Whether the file's name survives: it does from the first sync on.
    private var isNamed = false

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let copy = bytes.withMemoryRebound(to: UInt8.self, Array.init)
        Self.write(copy, at: offset, to: &current)
        pending.append(.write(offset: offset, bytes: copy))
    }

    mutating func truncate(to size: Int) {
        Self.truncate(&current, to: size)
        pending.append(.truncate(size: size))
    }

    mutating func sync() {
        for change in pending { Self.apply(change, to: &durable) }
        pending = []
        isNamed = true
    }

    mutating func flipBit(at offset: Int) {
        guard durable.indices.contains(offset) else { return }
        durable[offset] ^= 1
        if current.indices.contains(offset) { current[offset] ^= 1 }
    }

    /// Keeps each un-flushed sector with the given probability.
    ///
    /// - Returns: whether the file itself is still there.
    mutating func cutPower(keeping share: Double, using random: inout SeededRandom) -> Bool {
        guard isNamed || share == 1 else { return false }
        for change in pending {
            switch change {
            case .truncate:
                if Self.chance(share, &random) { Self.apply(change, to: &durable) }
            case .write(let offset, let bytes):
                var start = 0
                while start < bytes.count {
                    // Sectors are aligned in the file, not in the write.
                    let boundary =
                        ((offset + start) / SimulatedDisk.sectorBytes + 1)
                        * SimulatedDisk.sectorBytes
                    let end = min(bytes.count, boundary - offset)
                    if Self.chance(share, &random) {
                        Self.write(Array(bytes[start..<end]), at: offset + start, to: &durable)
                    }
                    start = end
                }
            }
        }
        pending = []
        current = durable
        isNamed = true
        return true
    }

    private static func chance(_ share: Double, _ random: inout SeededRandom) -> Bool {
        Double(random.next() >> 11) < share * Double(1 << 53)
    }

    private static func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .write(let offset, let bytes): write(bytes, at: offset, to: &content)
        case .truncate(let size): truncate(&content, to: size)
        }
    }

    private static func write(_ bytes: [UInt8], at offset: Int, to content: inout [UInt8]) {
        let end = offset + bytes.count
        if content.count < end {
            content += [UInt8](repeating: 0, count: end - content.count)
        }
        content.withUnsafeMutableBytes { content in
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: content[offset..<end]).copyMemory(from: $0)
            }
        }
    }

    private static func truncate(_ content: inout [UInt8], to size: Int) {
        if content.count > size { content.removeLast(content.count - size) }
    }
}
