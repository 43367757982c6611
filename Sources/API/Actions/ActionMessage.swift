import Base

/// The body of a control request: `{"action": …, "name": …, "value": …}` (contract §2.3).
///
/// The outer object is read leniently, unknown keys are ignored; `value` is read strictly by whoever
/// knows its shape (``ActionValue``).
package struct ActionMessage: Equatable, Sendable {
    package var action: String
    package var name: String
    /// `nil` when absent or `null`.
    package var value: JSONValue?

    package init(action: Action, name: String = "", value: JSONValue? = nil) {
        self.action = action.rawValue
        self.name = name
        self.value = value
    }

    package init(decoding body: [UInt8]) throws(Failure) {
        try self.init(try JSONValue(body: body, wanted: Self.form))
    }

    init(_ json: JSONValue) throws(Failure) {
        guard case .object(let object) = json else {
            throw Failure(
                .badJSON, "the body is not a JSON object", next: "send \(Self.form)")
        }
        try object.checkOnce(["action", "name", "value"], in: "the message")
        action = try Self.text("action", in: object)
        name = try Self.text("name", in: object)
        value = object["value"].flatMap { $0 == .null ? nil : $0 }
    }

    /// The message as a body.
    package var encoded: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("action", action)
            if !name.isEmpty { json.member("name", name) }
            if let value {
                json.key("value")
                json.value(value)
            }
        }
        return json.bytes
    }

    private static let form = #"{"action": "…"}"#

    private static func text(_ key: String, in object: JSONObject) throws(Failure) -> String {
        switch object[key] {
        case nil, .null: return ""
        case .string(let text): return text
        default:
            throw Failure(
                .badJSON, "'\(key)' of the message is not a text", next: "put it in quotes")
        }
    }

    /// What is asked for.
    ///
    /// - Parameter allowed: what the resource understands.
    /// - Returns: one of those.
    /// - Throws: `unknown_action` for anything else, with what is allowed.
    package func decoded(allowed: [Action]) throws(Failure) -> Action {
        if let known = Action(text: action), allowed.contains(known) { return known }
        let choice = allowed.map(\.rawValue).joined(separator: ", ")
        throw Failure(
            .unknownAction,
            action.isEmpty ? "the message names no action" : "unknown action '\(action.excerpt)'",
            next: "actions: \(choice)")
    }
}
