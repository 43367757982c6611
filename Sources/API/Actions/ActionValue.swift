import Base

/// The `value` of a message, or a section of it, read strictly: a key that is not known is a failure.
package struct ActionValue: Sendable {
    private let object: JSONObject
    /// What the failures call it: `value`, `value.mirror`.
    private let place: String

    /// - Returns: `nil` when there is no value.
    package init?(_ value: JSONValue?, place: String = "value", keys: [String]) throws(Failure) {
        guard let value, value != .null else { return nil }
        guard case .object(let object) = value else {
            throw Failure(
                .badValue, "'\(place)' is not an object",
                next: keys.isEmpty ? "leave it out" : "its keys are \(keys.joined(separator: ", "))"
            )
        }
        try object.checkOnce(keys, in: "'\(place)'")
        if let key = object.keyOutside(keys) {
            throw Failure(
                .badValue, "unknown key '\(key.excerpt)' in '\(place)'",
                next: keys.isEmpty ? "none is known" : "known are \(keys.joined(separator: ", "))")
        }
        self.object = object
        self.place = place
    }

    package func section(_ key: String, keys: [String]) throws(Failure) -> ActionValue? {
        try ActionValue(object[key], place: "\(place).\(key)", keys: keys)
    }

    /// A list of objects.
    package func sections(
        _ key: String, keys: [String]
    ) throws(Failure) -> [ActionValue]? {
        switch object[key] {
        case nil, .null: return nil
        case .array(let items):
            var sections: [ActionValue] = []
            for item in items {
                guard
                    let section = try ActionValue(item, place: "\(place).\(key)", keys: keys)
                else { throw mistake(key, "a list of objects") }
                sections.append(section)
            }
            return sections
        default: throw mistake(key, "a list of objects")
        }
    }

    package func string(_ key: String) throws(Failure) -> String? {
        switch object[key] {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw mistake(key, "a text")
        }
    }

    /// A list of texts.
    package func strings(_ key: String) throws(Failure) -> [String]? {
        switch object[key] {
        case nil, .null: return nil
        case .array(let items):
            let texts = items.compactMap(\.string)
            guard texts.count == items.count else { throw mistake(key, "a list of texts") }
            return texts
        default: throw mistake(key, "a list of texts")
        }
    }

    /// Yes or no, as JSON has it: the contract is strict about the types of values (§2.3).
    package func bool(_ key: String) throws(Failure) -> Bool? {
        switch object[key] {
        case nil, .null: return nil
        case .bool(let flag): return flag
        default: throw mistake(key, "true or false, without quotes")
        }
    }

    /// A whole number, bare or quoted.
    package func unsigned<Number: FixedWidthInteger>(
        _ key: String, as type: Number.Type = UInt64.self
    ) throws(Failure) -> Number? {
        switch object[key] {
        case nil, .null: return nil
        case let value?:
            if value.string == "" { return nil }
            guard let wide = value.unsigned, let number = Number(exactly: wide) else {
                throw mistake(key, "a whole number from 0 to \(Number.max)")
            }
            return number
        }
    }

    private func mistake(_ key: String, _ expected: String) -> Failure {
        Failure(.badValue, "'\(place).\(key)' is not \(expected)")
    }
}
