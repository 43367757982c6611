/// The shape of a JSON value, as far as OpenAPI 3.1 (JSON Schema 2020-12) can say it.
package indirect enum Schema: Sendable {
    case any
    case null
    case flag
    /// A whole number from 0 up, and to a maximum where there is one.
    case count(max: UInt64? = nil)
    case number
    /// A whole number between two bounds.
    case numbers(ClosedRange<Int>)
    case text
    /// Text of a bounded length, in bytes of ASCII.
    case texts(length: ClosedRange<Int>)
    /// Text that a regular expression matches as a whole.
    case pattern(String)
    case words([String])
    case array(Schema)
    /// A list without repetitions, of a bounded length.
    case set(Schema, count: ClosedRange<Int>)
    /// An object with any keys, and values of one kind.
    case map(Schema)
    case object(required: [Member], optional: [Member], isOpen: Bool)
    case choice([Schema])
    case component(SchemaName)

    package struct Member: Sendable {
        let name: String
        let schema: Schema
    }

    /// A 64-bit number as JSON has it here: text.
    static let decimal = Schema.pattern("[0-9]{1,20}")
    /// The same in a request, where a bare number is taken, too (contract §2.3).
    static let looseCount = Schema.choice([.count(), .decimal])

    static func members(
        _ required: KeyValuePairs<String, Schema>, optional: KeyValuePairs<String, Schema> = [:]
    ) -> Schema { .object(required: list(required), optional: list(optional), isOpen: false) }

    /// An object of which every member may be missing.
    static func options(_ optional: KeyValuePairs<String, Schema>) -> Schema {
        .object(required: [], optional: list(optional), isOpen: false)
    }

    /// An object that may have more members than the schema names.
    static func openObject(_ optional: KeyValuePairs<String, Schema>) -> Schema {
        .object(required: [], optional: list(optional), isOpen: true)
    }

    static func list(_ pairs: KeyValuePairs<String, Schema>) -> [Member] {
        pairs.map { Member(name: $0.key, schema: $0.value) }
    }

    static func nullable(_ schema: Schema) -> Schema { .choice([schema, .null]) }
}

extension JSONWriter {
    mutating func value(_ schema: Schema) {
        object { $0.members(schema) }
    }

    private mutating func members(_ schema: Schema) {
        switch schema {
        case .any: break
        case .null: member("type", "null")
        case .flag: member("type", "boolean")
        case .count(let max):
            member("type", "integer")
            member("minimum", 0)
            if let max { member("maximum", max) }
        case .number: member("type", "number")
        case .numbers(let range):
            member("type", "integer")
            member("minimum", range.lowerBound)
            member("maximum", range.upperBound)
        case .text: member("type", "string")
        case .texts(let length):
            member("type", "string")
            member("minLength", length.lowerBound)
            member("maxLength", length.upperBound)
        case .pattern(let pattern):
            member("type", "string")
            member("pattern", "^(?:\(pattern))$")
        case .words(let words):
            member("type", "string")
            key("enum")
            array { json in for word in words { json.value(word) } }
        case .array(let element):
            member("type", "array")
            key("items")
            value(element)
        case .set(let element, let count):
            member("type", "array")
            member("minItems", count.lowerBound)
            member("maxItems", count.upperBound)
            member("uniqueItems", true)
            key("items")
            value(element)
        case .map(let element):
            member("type", "object")
            key("additionalProperties")
            value(element)
        case .object(let required, let optional, let isOpen):
            properties(required, optional)
            if !isOpen { member("additionalProperties", false) }
        case .choice(let choices):
            key("anyOf")
            array { json in for choice in choices { json.value(choice) } }
        case .component(let name): member("$ref", "#/components/schemas/\(name.rawValue)")
        }
    }

    private mutating func properties(_ required: [Schema.Member], _ optional: [Schema.Member]) {
        member("type", "object")
        if !required.isEmpty {
            key("required")
            array { json in for member in required { json.value(member.name) } }
        }
        key("properties")
        object { json in
            for member in required + optional {
                json.key(member.name)
                json.value(member.schema)
            }
        }
    }
}
