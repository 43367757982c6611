/// The words of one command line, sorted; values are converted when they are read.
public struct ParsedArguments: Sendable {
    public let asksForHelp: Bool
    public let positionals: [String]
    private let syntax: CommandSyntax
    private let values: [String: [String]]

    init(
        syntax: CommandSyntax, values: [String: [String]] = [:], positionals: [String] = [],
        asksForHelp: Bool = false
    ) {
        self.syntax = syntax
        self.values = values
        self.positionals = positionals
        self.asksForHelp = asksForHelp
    }

    /// Whether the flag was given, with or without a value.
    public func has(_ name: String) -> Bool {
        check(name)
        return values[name] != nil
    }

    /// The value of a flag, or `nil` when it was left out.
    public func optional<Value: ArgumentValue>(
        _ name: String, as type: Value.Type = String.self
    ) throws(ArgumentError) -> Value? {
        check(name)
        guard let text = values[name]?.last else { return nil }
        return try Self.convert(text, name: "--\(name)")
    }

    /// The value of a flag without which the command cannot run.
    public func required<Value: ArgumentValue>(
        _ name: String, as type: Value.Type = String.self
    ) throws(ArgumentError) -> Value {
        guard let value = try optional(name, as: type) else {
            let option = syntax.options.first { $0.name == name }
            throw .missingFlag(name, placeholder: option?.placeholder ?? "VALUE")
        }
        return value
    }

    /// Every value of a repeatable flag, in the order given.
    public func all<Value: ArgumentValue>(
        _ name: String, as type: Value.Type = String.self
    ) throws(ArgumentError) -> [Value] {
        check(name)
        var converted: [Value] = []
        for text in values[name] ?? [] {
            converted.append(try Self.convert(text, name: "--\(name)"))
        }
        return converted
    }

    /// The positional word at `index`, counted from 0.
    public func positional<Value: ArgumentValue>(
        _ index: Int, as type: Value.Type = String.self
    ) throws(ArgumentError) -> Value {
        let name = index < syntax.positionals.count ? syntax.positionals[index] : "argument"
        guard index < positionals.count else { throw .missingPositional(name) }
        return try Self.convert(positionals[index], name: name)
    }

    /// Asking for a flag that the command does not declare is a slip of its author, not the user's.
    private func check(_ name: String) {
        precondition(
            syntax.options.contains { $0.name == name }, "\(syntax.command) declares no --\(name)")
    }

    private static func convert<Value: ArgumentValue>(
        _ text: String, name: String
    ) throws(ArgumentError) -> Value {
        guard let value = Value(argument: text) else {
            throw .badValue(name: name, value: text, expected: Value.expectation)
        }
        return value
    }
}
