import Base
import HTTP

/// The query of a URL, looked up in place: a request asks for few of its parameters, and most have none.
package struct Query: Sendable {
    /// As it came, without the question mark.
    package let text: Substring

    package init(_ text: Substring) {
        self.text = text
    }

    package static let empty = Query("")

    /// The first parameter of that name, decoded; empty when it has no value. A value that does not decode is
    /// a failure, never taken for something else. That others of the name say the same is checked before
    /// (``Route/check(_:_:at:)``).
    package func value(_ name: String) throws(Failure) -> String? {
        guard let place = place(of: name) else { return nil }
        guard let value = place.value else { return "" }
        guard let value = PercentCoding.decoded(self[value], plusIsSpace: true) else {
            throw Failure(.badQuery, "query parameter '\(name)' does not decode")
        }
        return value
    }

    /// All parameters in their order, decoded; a value is `nil` where no `=` stands.
    package func pairs() throws(Failure) -> [(name: String, value: String?)] {
        var pairs: [(name: String, value: String?)] = []
        for place in places {
            let value = place.value.map { self[$0] } ?? ""
            guard let name = PercentCoding.decoded(self[place.name], plusIsSpace: true),
                let value = PercentCoding.decoded(value, plusIsSpace: true)
            else {
                let pair = place.name.lowerBound..<(place.value ?? place.name).upperBound
                throw Failure(
                    .badQuery, "query parameter '\(self[pair].excerpt)' does not decode")
            }
            pairs.append((name, place.value == nil ? nil : value))
        }
        return pairs
    }

    // MARK: Where parameters stand

    /// The bytes of one parameter, by their offsets; no value where no `=` stands.
    private struct Place {
        var name: Range<Int>
        var value: Range<Int>?
    }

    private var places: [Place] {
        var text = text
        return text.withUTF8 { bytes in
            var places: [Place] = []
            Self.look(through: bytes) { place in
                places.append(place)
                return false
            }
            return places
        }
    }

    /// The first parameter of that name.
    private func place(of name: String) -> Place? {
        guard !text.isEmpty else { return nil }
        var (text, name) = (text, name)
        return text.withUTF8 { bytes in
            name.withUTF8 { wanted in
                Self.look(through: bytes) { place in
                    let found = UnsafeBufferPointer(rebasing: bytes[place.name])
                    if found.elementsEqual(wanted) { return true }
                    // Hardly any name is encoded.
                    guard found.contains(where: { $0 == Self.percent || $0 == Self.plus }),
                        let decoded = PercentCoding.decode(found, plusIsSpace: true)
                    else { return false }
                    return decoded.elementsEqual(wanted)
                }
            }
        }
    }

    /// The first parameter that `isMeant` says yes to. By bytes: the same text taken apart by characters costs ten times as much, and
    /// as many arrays half of that.
    @discardableResult
    private static func look(
        through bytes: UnsafeBufferPointer<UInt8>, _ isMeant: (Place) -> Bool
    ) -> Place? {
        var start = 0
        while start < bytes.count {
            var end = start
            var split: Int?
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                if split == nil, bytes[end] == UInt8(ascii: "=") { split = end }
                end += 1
            }
            if end > start {
                let place = Place(
                    name: start..<(split ?? end), value: split.map { $0 + 1..<end })
                if isMeant(place) { return place }
            }
            start = end + 1
        }
        return nil
    }

    private subscript(range: Range<Int>) -> Substring {
        let bytes = text.utf8
        let start = bytes.index(bytes.startIndex, offsetBy: range.lowerBound)
        return Substring(bytes[start..<bytes.index(start, offsetBy: range.count)])
    }

    private static let percent = UInt8(ascii: "%")
    private static let plus = UInt8(ascii: "+")

    // MARK: What they say

    /// A yes-or-no parameter (contract §3.4); absent and empty are no.
    ///
    /// `dry_run` is a safety catch: it is on when it stands there without a value, and when it is said twice and once with
    /// yes. Whoever writes it down does not want the change.
    package func flag(_ name: String) throws(Failure) -> Bool {
        if name == QueryName.dryRun { return try isDryRun }
        guard let text = try value(name) else { return false }
        guard let flag = Self.flag(text) else {
            throw Failure(
                .badQuery, "query parameter '\(name)' is '\(text.excerpt)', neither yes nor no",
                next: "true or false")
        }
        return flag
    }

    /// Refuses a parameter that says nothing beside the others.
    package func refuse(_ name: String, because reason: String) throws(Failure) {
        guard let text = try value(name), !text.isEmpty else { return }
        throw Failure(.badQuery, "'\(name)' is \(reason)", next: "leave it out")
    }

    private var isDryRun: Bool {
        get throws(Failure) {
            // Most requests have none, and are not taken apart for it.
            guard try value(QueryName.dryRun) != nil else { return false }
            var isOn = false
            for (name, value) in try pairs() where name == QueryName.dryRun {
                guard let value, !value.isEmpty else {
                    isOn = true
                    continue
                }
                guard let flag = Self.flag(value) else {
                    throw Failure(
                        .badQuery,
                        "query parameter '\(name)' is '\(value.excerpt)', neither yes nor no",
                        next: "nothing was changed; say dry_run=true or leave it out")
                }
                isOn = isOn || flag
            }
            return isOn
        }
    }

    /// Reads `1 t true y yes on` and `0 f false n no off` in any case; empty is false.
    package static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true", "y", "yes", "on": true
        case "0", "f", "false", "n", "no", "off", "": false
        default: nil
        }
    }
}
