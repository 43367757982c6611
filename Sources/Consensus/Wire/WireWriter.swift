/// Appends little-endian values to a frame.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func number(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func blob(_ value: some Collection<UInt8>) {
        number(UInt32(value.count))
        bytes += value
    }

    mutating func mark(_ mark: LogMark) {
        number(mark.index.rawValue)
        number(mark.term.rawValue)
    }
}
