package import Base

/// Writes a moment, in UTC, after a model: Go's layouts, where the reference time is
/// `Mon Jan 2 15:04:05 MST 2006`. Clients name one in `time_format`.
package enum TimeLayout {
    /// RFC 822, the default of listings.
    package static let standard = "02 Jan 06 15:04 MST"

    package static func text(_ time: Timestamp, layout: String) -> String {
        let parts = Parts(time)
        var out: [UInt8] = []
        var rest = Array(layout.utf8.prefix(Limits.timeLayoutBytesMax))[...]
        while let first = rest.first {
            if let token = tokens.first(where: { rest.starts(with: $0.bytes) }) {
                rest = rest.dropFirst(token.bytes.count)
                out.append(contentsOf: token.token.text(parts).utf8)
            } else if let fraction = fraction(&rest, parts) {
                out.append(contentsOf: fraction.utf8)
            } else {
                out.append(first)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private struct Parts {
        let year: Int
        let month: Int
        let day: Int
        let weekday: Int
        let hour: Int
        let minute: Int
        let second: Int
        let nanosecond: Int

        /// Days to date: Howard Hinnant's `civil_from_days`, with years that begin in March.
        init(_ time: Timestamp) {
            let seconds = Int(time.nanoseconds / 1_000_000_000)
            nanosecond = Int(time.nanoseconds % 1_000_000_000)
            let days = seconds / 86_400
            hour = seconds % 86_400 / 3_600
            minute = seconds % 3_600 / 60
            second = seconds % 60
            weekday = (days + 4) % 7
            let shifted = days + 719_468
            let era = shifted / 146_097
            let dayOfEra = shifted % 146_097
            let yearOfEra =
                (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let marchMonth = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
            month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        }
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// A word of the reference time. Longer words come before those that they begin with.
    private enum Token: String, CaseIterable {
        case month = "January"
        case shortMonth = "Jan"
        case weekday = "Monday"
        case shortWeekday = "Mon"
        case zoneName = "MST"
        case year = "2006"
        case month2 = "01"
        case day2 = "02"
        case hour12of2 = "03"
        case minute2 = "04"
        case second2 = "05"
        case year2 = "06"
        case hour24 = "15"
        case daySpaced = "_2"
        case halfDay = "PM"
        case smallHalfDay = "pm"
        case zuluColon = "Z07:00"
        case zulu = "Z0700"
        case offsetColon = "-07:00"
        case offset = "-0700"
        case offsetHours = "-07"
        case month1 = "1"
        case day1 = "2"
        case hour12 = "3"
        case minute1 = "4"
        case second1 = "5"

        func text(_ parts: Parts) -> String {
            let hour12 = (parts.hour + 11) % 12 + 1
            switch self {
            case .month: return months[parts.month - 1]
            case .shortMonth: return String(months[parts.month - 1].prefix(3))
            case .weekday: return weekdays[parts.weekday]
            case .shortWeekday: return String(weekdays[parts.weekday].prefix(3))
            case .zoneName: return "UTC"
            case .year: return padded(parts.year, 4)
            case .month2: return padded(parts.month, 2)
            case .day2: return padded(parts.day, 2)
            case .hour12of2: return padded(hour12, 2)
            case .minute2: return padded(parts.minute, 2)
            case .second2: return padded(parts.second, 2)
            case .year2: return padded(parts.year % 100, 2)
            case .hour24: return padded(parts.hour, 2)
            case .daySpaced: return parts.day < 10 ? " \(parts.day)" : "\(parts.day)"
            case .halfDay: return parts.hour < 12 ? "AM" : "PM"
            case .smallHalfDay: return parts.hour < 12 ? "am" : "pm"
            case .zuluColon, .zulu: return "Z"
            case .offsetColon: return "+00:00"
            case .offset: return "+0000"
            case .offsetHours: return "+00"
            case .month1: return String(parts.month)
            case .day1: return String(parts.day)
            case .hour12: return String(hour12)
            case .minute1: return String(parts.minute)
            case .second1: return String(parts.second)
            }
        }
    }

    private static let tokens = Token.allCases.map { (bytes: Array($0.rawValue.utf8), token: $0) }

    /// `.000` keeps its zeros, `.999` drops those at the end, and itself when nothing is left.
    private static func fraction(_ rest: inout ArraySlice<UInt8>, _ parts: Parts) -> String? {
        guard rest.first == UInt8(ascii: "."), let kind = rest.dropFirst().first,
            kind == UInt8(ascii: "0") || kind == UInt8(ascii: "9")
        else { return nil }
        let count = rest.dropFirst().prefix { $0 == kind }.count
        guard count <= 9 else { return nil }
        rest = rest.dropFirst(1 + count)
        var digits = padded(parts.nanosecond, 9).prefix(count)
        if kind == UInt8(ascii: "9") {
            while digits.last == "0" { digits = digits.dropLast() }
            if digits.isEmpty { return "" }
        }
        return "." + digits
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
