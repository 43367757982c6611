/// The date format of HTTP (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, always 29 bytes.
package enum HTTPDate {
    private static let days: StaticString = "ThuFriSatSunMonTueWed"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// - Parameter seconds: since 1970, not before it and not after the year 9999.
    /// - Returns: the date in its 29 bytes.
    package static func text(seconds: Int) -> String {
        String(decoding: bytes(seconds: seconds), as: UTF8.self)
    }

    package static func bytes(seconds: Int) -> [UInt8] {
        let seconds = min(max(seconds, 0), 253_402_300_799)
        let day = seconds / 86_400
        let second = seconds % 86_400
        let (year, month, dayOfMonth) = civil(day)
        var result: [UInt8] = []
        result.reserveCapacity(29)
        append(days, day % 7, to: &result)
        result += ", ".utf8
        append(dayOfMonth, 2, to: &result)
        result.append(0x20)
        append(months, month - 1, to: &result)
        result.append(0x20)
        append(year, 4, to: &result)
        result.append(0x20)
        append(second / 3600, 2, to: &result)
        result.append(0x3A)
        append(second / 60 % 60, 2, to: &result)
        result.append(0x3A)
        append(second % 60, 2, to: &result)
        result += " GMT".utf8
        return result
    }

    /// The calendar date of a day since 1970. Years are counted from March, so that the leap day comes last, in
    /// cycles of 400 years, which all have the same number of days.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468  // days since 1 March of the year 0
        let cycle = shifted / 146_097
        let dayOfCycle = shifted % 146_097
        let yearOfCycle =
            (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfMonth)
    }

    private static func append(_ names: StaticString, _ index: Int, to result: inout [UInt8]) {
        result += UnsafeBufferPointer(start: names.utf8Start + index * 3, count: 3)
    }

    private static func append(_ number: Int, _ digits: Int, to result: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            result.append(UInt8(0x30 + number / divisor % 10))
            divisor /= 10
        }
    }
}
