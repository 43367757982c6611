internal import Glibc

/// Bytes on their way out: grows as needed and keeps its memory.
///
/// Each loop has one, used from the first byte of a head to the system call that sends it; what the socket does
/// not take is copied to the connection.
struct OutputBuffer: ~Copyable {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit {
        base.deallocate()
    }

    mutating func removeAll() {
        count = 0
        if capacity > 1 << 20 { resize(to: 1 << 16) }
    }

    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count + more > capacity { resize(to: max(capacity * 2, count + more)) }
    }

    @inline(__always)
    mutating func append(byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    /// Appends a number in decimal digits.
    mutating func append(_ number: Int) {
        reserve(20)
        if number < 0 { append(byte: 0x2D) }
        var rest = number.magnitude
        var digits = 1
        var bound: UInt = 10
        while digits < 19, rest >= bound {
            digits += 1
            bound *= 10
        }
        var position = count + digits
        count = position
        repeat {
            position -= 1
            base[position] = UInt8(0x30 + rest % 10)
            rest /= 10
        } while rest > 0
    }

    /// Appends a number in hexadecimal digits, as a chunk size is written.
    mutating func append(hex number: Int) {
        reserve(16)
        let number = UInt(number)
        var shift = (UInt.bitWidth - max(number.leadingZeroBitCount / 4 * 4, 0)) - 4
        if number == 0 { shift = 0 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt(shift)) & 15
            append(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }

    /// Appends a header value or another piece of a line: what could end the line becomes a blank.
    mutating func append(line bytes: UnsafeBufferPointer<UInt8>) {
        let start = count
        append(bytes)
        for index in start..<count where base[index] < 0x20 && base[index] != 0x09 {
            base[index] = 0x20
        }
    }

    /// Room for `size` bytes that the caller writes itself; see ``advance(_:)``.
    mutating func room(_ size: Int) -> UnsafeMutablePointer<UInt8> {
        reserve(size)
        return base + count
    }

    mutating func advance(_ written: Int) {
        count += written
    }

    private mutating func resize(to size: Int) {
        let next = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        memcpy(next, base, count)
        base.deallocate()
        base = next
        capacity = size
    }
}

extension OutputBuffer {
    /// All bytes written so far; valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}
