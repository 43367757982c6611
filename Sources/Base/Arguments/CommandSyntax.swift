/// What a command understands: its flags and positional words, and the help made from them.
///
/// `--name value` and `--name=value` are the same; `--` ends the flags; `-h` and `--help` ask for
/// help wherever they stand. A value may begin with a dash only in the `=` form, so that a
/// forgotten value is noticed instead of swallowing the next flag.
public struct CommandSyntax: Sendable {
    public let command: String
    public let summary: String
    public let options: [CommandOption]
    /// Names of the positional words, in order. A last name ending in `…` takes all that follow.
    public let positionals: [String]
    /// Further paragraphs for the help text.
    public let discussion: String

    public init(
        _ command: String, summary: String, options: [CommandOption] = [],
        positionals: [String] = [], discussion: String = ""
    ) {
        self.command = command
        self.summary = summary
        self.options = options
        self.positionals = positionals
        self.discussion = discussion
    }

    /// Sorts words into flags and positionals. Values are checked for form only when read.
    public func parse(_ words: [String]) throws(ArgumentError) -> ParsedArguments {
        var values: [String: [String]] = [:]
        var rest: [String] = []
        var position = 0
        var flagsEnded = false
        while position < words.count {
            let word = words[position]
            position += 1
            if flagsEnded || !word.hasPrefix("--") {
                if !flagsEnded, word == "-h" {
                    return ParsedArguments(syntax: self, asksForHelp: true)
                }
                if !flagsEnded, word.count > 1, word.hasPrefix("-") {
                    throw .unknownFlag(word, closest: nil)
                }
                rest.append(word)
                continue
            }
            if word == "--" {
                flagsEnded = true
                continue
            }
            if word == "--help" { return ParsedArguments(syntax: self, asksForHelp: true) }
            try take(word, next: &position, of: words, into: &values)
        }
        if let last = positionals.last, last.hasSuffix("…") {
            return ParsedArguments(syntax: self, values: values, positionals: rest)
        }
        if rest.count > positionals.count { throw .unexpectedArgument(rest[positionals.count]) }
        return ParsedArguments(syntax: self, values: values, positionals: rest)
    }

    private func take(
        _ word: String, next position: inout Int, of words: [String],
        into values: inout [String: [String]]
    ) throws(ArgumentError) {
        let body = word.dropFirst(2)
        let equals = body.firstIndex(of: "=")
        let name = String(equals.map { body[..<$0] } ?? body)
        var value = equals.map { String(body[body.index(after: $0)...]) }
        guard let option = options.first(where: { $0.name == name }) else {
            throw .unknownFlag("--\(name)", closest: closestName(to: name))
        }
        switch option.kind {
        case .flag:
            if let value { throw .unexpectedValue(flag: name, value: value) }
            values[name] = []
        case .value(let placeholder, _), .repeated(let placeholder):
            if value == nil, position < words.count, !words[position].hasPrefix("--") {
                value = words[position]
                position += 1
            }
            guard let value else { throw .missingValue(flag: name, placeholder: placeholder) }
            if case .value = option.kind, values[name] != nil { throw .repeatedFlag(name) }
            values[name, default: []].append(value)
        }
    }

    /// The flag with the fewest edits from `name`, when that is few enough to be a slip.
    private func closestName(to name: String) -> String? {
        let ranked = options.map { (name: $0.name, edits: editDistance($0.name, name)) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
        return best.edits <= max(1, name.count / 3) ? best.name : nil
    }
}

/// How many single-character edits turn one word into the other (Levenshtein 1966).
private func editDistance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (rowIndex, character) in first.enumerated() {
        var diagonal = row[0]
        row[0] = rowIndex + 1
        for (column, other) in second.enumerated() {
            let substituted = diagonal + (character == other ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substituted, row[column] + 1, row[column + 1] + 1)
        }
    }
    return row[second.count]
}
