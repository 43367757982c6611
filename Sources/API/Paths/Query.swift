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
        // By bytes: the same text taken apart by characters costs ten times as much.
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let split = pair.firstIndex(of: UInt8(ascii: "="))
            let found = Substring(split.map { pair[..<$0] } ?? pair)
            guard PercentCoding.decoded(found, plusIsSpace: true) == name else { continue }
            guard let split else { return "" }
            guard
                let value = PercentCoding.decoded(
                    Substring(pair[pair.index(after: split)...]), plusIsSpace: true)
            else { throw Failure(.badQuery, "query parameter '\(name)' does not decode") }
            return value
        }
        return nil
    }

    /// All parameters in their order, decoded; a value is `nil` where no `=` stands.
    package func pairs() throws(Failure) -> [(name: String, value: String?)] {
        var pairs: [(name: String, value: String?)] = []
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let split = pair.firstIndex(of: UInt8(ascii: "="))
            let name = PercentCoding.decoded(
                Substring(split.map { pair[..<$0] } ?? pair), plusIsSpace: true)
            let rest = split.map { Substring(pair[pair.index(after: $0)...]) } ?? ""
            guard let name, let value = PercentCoding.decoded(rest, plusIsSpace: true) else {
                throw Failure(
                    .badQuery, "query parameter '\(Substring(pair).excerpt)' does not decode")
            }
            pairs.append((name, split == nil ? nil : value))
        }
        return pairs
    }

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
