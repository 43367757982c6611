extension CommandSyntax {
    /// The whole help text: usage, summary, flags with their defaults, discussion.
    public var help: String {
        var text = "\(usage)\n\n\(summary)\n"
        if !options.isEmpty {
            let rows = options.map { (left: "  --\($0.name) \($0.placeholder)", option: $0) }
            let width = min(34, rows.map(\.left.count).max() ?? 0) + 2
            text += "\nFlags:\n"
            for row in rows {
                text += Self.row(row.left, Self.described(row.option), leftWidth: width)
            }
        }
        if !discussion.isEmpty { text += "\n\(discussion)\n" }
        return text
    }

    /// The first line of the help, also printed under an error.
    public var usage: String {
        let words = positionals.map { $0.hasSuffix("…") ? "[\($0)]" : $0 }
        let parts = [command] + (options.isEmpty ? [] : ["[flags]"]) + words
        return "Usage: " + parts.joined(separator: " ")
    }

    private static func described(_ option: CommandOption) -> String {
        switch option.kind {
        case .flag, .value(_, defaultText: nil): option.help
        case .value(_, let defaultText?): "\(option.help) (default: \(defaultText))"
        case .repeated: "\(option.help) (may be repeated)"
        }
    }

    private static func row(_ left: String, _ right: String, leftWidth: Int) -> String {
        let indent = String(repeating: " ", count: leftWidth)
        let lines = wrapped(right, columns: 100 - leftWidth)
        var text = left
        if left.count + 1 > leftWidth {
            text += "\n" + indent
        } else {
            text += String(repeating: " ", count: leftWidth - left.count)
        }
        return text + lines.joined(separator: "\n" + indent) + "\n"
    }

    private static func wrapped(_ text: String, columns: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > columns {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        lines.append(line)
        return lines
    }
}
