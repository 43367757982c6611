/// The Range header, read against the size of what is asked for (RFC 9110 §14).
package enum ByteRange: Equatable, Sendable {
    /// No header, a unit other than bytes, or a syntax error: the whole is sent (RFC 9110 §14.2).
    case whole
    /// One range, cut to the size.
    case part(offset: Int, count: Int)
    /// Valid, but nothing of it exists: 416.
    case unsatisfiable
    /// More than one range; whether that is refused or answered with the whole is the caller's choice.
    case multiple
    /// `bytes=` followed by something else than ranges.
    case malformed

    package init(_ header: String?, size: Int) {
        guard let header else {
            self = .whole
            return
        }
        let bytes = Array(header.utf8)
        self = bytes.withUnsafeBufferPointer { Self.parse($0, size) }
    }

    private static func parse(_ header: UnsafeBufferPointer<UInt8>, _ size: Int) -> ByteRange {
        guard let equals = header.firstIndex(of: 0x3D) else { return .malformed }
        let unit = trimmed(UnsafeBufferPointer(rebasing: header[..<equals]))
        guard isEqual(unit, "bytes") else { return .whole }
        let set = UnsafeBufferPointer(rebasing: header[(equals + 1)...])
        var count = 0
        var result = ByteRange.malformed
        var isMalformed = false
        forEachElement(set) { element in
            count += 1
            result = single(element, size)
            if result == .malformed { isMalformed = true }
        }
        if isMalformed || count == 0 { return .malformed }
        return count == 1 ? result : .multiple
    }

    private static func single(_ range: UnsafeBufferPointer<UInt8>, _ size: Int) -> ByteRange {
        guard let dash = range.firstIndex(of: 0x2D) else { return .malformed }
        let left = UnsafeBufferPointer(rebasing: range[..<dash])
        let right = UnsafeBufferPointer(rebasing: range[(dash + 1)...])
        if left.isEmpty {
            guard let suffix = saturated(right) else { return .malformed }
            guard suffix > 0, size > 0 else { return .unsatisfiable }
            let count = min(suffix, size)
            return .part(offset: size - count, count: count)
        }
        guard let first = saturated(left) else { return .malformed }
        var last = Int.max
        if !right.isEmpty {
            guard let value = saturated(right), value >= first else { return .malformed }
            last = value
        }
        guard first < size else { return .unsatisfiable }
        return .part(offset: first, count: min(last, size - 1) - first + 1)
    }

    /// A decimal number of any length; one past the range of Int means the same as the largest.
    private static func saturated(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return decimal(bytes) ?? Int.max
    }
}
