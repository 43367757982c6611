/// Durations as AIStore writes them (`10s`, `1m30s`, `100ms`): Go's notation, without a sign.
public enum ConfigDuration {
    private static let units: [String: UInt64] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]
    /// More digits than this say nothing: a nanosecond is the least.
    private static let digitsMax = 18

    /// - Returns: `nil` when the text is not a duration, lacks a unit, or does not fit 64 bits.
    public static func nanoseconds(_ text: String) -> UInt64? {
        if text == "0" { return 0 }
        guard !text.isEmpty else { return nil }
        var rest = Substring(text)
        var total: UInt64 = 0
        while !rest.isEmpty {
            guard let part = part(&rest) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { return nil }
            total = sum
        }
        return total
    }

    /// Takes a number and its unit.
    private static func part(_ rest: inout Substring) -> UInt64? {
        let whole = digits(&rest)
        var fraction = Substring()
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = digits(&rest)
        }
        guard whole.count + fraction.count > 0, whole.count <= digitsMax,
            fraction.count <= digitsMax
        else { return nil }
        let name = rest.prefix { $0 != "." && !isDigit($0) }
        rest = rest.dropFirst(name.count)
        guard let unit = units[String(name)] else { return nil }
        let (product, overflow) = (UInt64(whole) ?? 0).multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        // Each digit behind the point is worth a tenth of the one before it.
        var share = unit
        var result = product
        for digit in fraction {
            share /= 10
            let (sum, overflow) = result.addingReportingOverflow(
                share * UInt64(digit.wholeNumberValue ?? 0))
            if overflow { return nil }
            result = sum
        }
        return result
    }

    private static func digits(_ rest: inout Substring) -> Substring {
        let digits = rest.prefix(while: isDigit)
        rest = rest.dropFirst(digits.count)
        return digits
    }

    private static func isDigit(_ character: Character) -> Bool {
        character.isASCII && character.isWholeNumber
    }
}
