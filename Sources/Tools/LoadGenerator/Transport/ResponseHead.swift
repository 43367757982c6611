import Glibc

/// The few facts a closed-loop client needs from a response's head.
///
/// Read by bytes: where client and server share the cores, what the client does with a head is taken from the server, and
/// the more so the more fields its answers have.
struct ResponseHead: Equatable {
    var status = 0
    /// `nil` when the head names no length.
    var contentLength: Int?
    var isChunked = false
    var closes = false
    var location: String?

    /// Reads a head without its final empty line; `nil` when it is not one.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        let first = Self.nextLine(&rest)
        // HTTP/1.1 200 …
        guard first.count >= 12, Self.begins(first, with: "HTTP/1."), first[8] == 0x20,
            let code = Self.number(first[9..<12]), (100..<600).contains(code),
            first.count == 12 || first[12] == 0x20
        else { return nil }
        status = code
        closes = first[7] == 0x30
        while !rest.isEmpty {
            guard read(Self.nextLine(&rest)) else { return nil }
        }
    }

    /// - Returns: whether the line is a field.
    private mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let colon = Self.first(0x3A, in: line) else { return false }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        var value: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: line[(colon + 1)...].drop { $0 == 0x20 })
        }
        // Few fields are as long as one of these.
        switch colon {
        case 8 where Self.equals(name, "location"):
            location = String(decoding: value, as: UTF8.self)
        case 10 where Self.equals(name, "connection"): closes = Self.equals(value, "close")
        case 14 where Self.equals(name, "content-length"):
            guard let length = Self.number(value[...]) else { return false }
            contentLength = length
        case 17 where Self.equals(name, "transfer-encoding"):
            isChunked = Self.equals(value, "chunked")
        default: break
        }
        return true
    }

    /// Takes the next line and its end from the rest.
    private static func nextLine(_ rest: inout UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var end = 0
        while let feed = first(0x0A, in: rest, from: end) {
            end = feed + 1
            guard feed > 0, rest[feed - 1] == 0x0D else { continue }
            let line = UnsafeRawBufferPointer(rebasing: rest[..<(feed - 1)])
            rest = UnsafeRawBufferPointer(rebasing: rest[end...])
            return line
        }
        defer { rest = UnsafeRawBufferPointer(start: nil, count: 0) }
        return rest
    }

    private static func first(
        _ byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count else { return nil }
        return memchr(base + start, Int32(byte), bytes.count - start).map {
            base.distance(to: UnsafeRawPointer($0))
        }
    }

    private static func begins(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= text.utf8CodeUnitCount else {
            return false
        }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether the bytes are a text of small letters, whatever the case of theirs.
    private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for (index, byte) in bytes.enumerated() {
            let small = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            if small != text.utf8Start[index] { return false }
        }
        return true
    }

    /// A number of decimal digits.
    private static func number(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard (1...18).contains(bytes.count) else { return nil }
        var number = 0
        for byte in bytes {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }
}
