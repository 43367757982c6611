/// Appends little-endian values to a frame.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func number(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// What `body` writes, behind its length.
    mutating func length(of body: (inout WireWriter) -> Void) {
        let place = bytes.count
        number(UInt32(0))
        let start = bytes.count
        body(&self)
        withUnsafeBytes(of: UInt32(bytes.count - start).littleEndian) { length in
            for (offset, byte) in length.enumerated() { bytes[place + offset] = byte }
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
