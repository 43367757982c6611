/// Reads Prometheus' text format, version 0.0.4, and refuses whatever a scraper or `promtool check metrics` would.
package struct ParsedMetrics {
    package struct Sample: Equatable {
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    package struct Family {
        package var type: String
        package var help: String
        package var samples: [Sample] = []
    }

    package struct Problem: Error, CustomStringConvertible {
        package let description: String
    }

    package private(set) var families: [String: Family] = [:]
    private var current: String?
    private var help: (name: String, text: String)?

    package init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else {
            throw Problem(description: "the last line has no end")
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            try take(String(line))
        }
        for (name, family) in families { try Self.check(name, family) }
    }

    /// The value of the only sample with these labels, among others.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        for family in families.values {
            let fitting = family.samples.filter { sample in
                sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
            }
            if fitting.count == 1 { return fitting[0].value }
        }
        return nil
    }

    // MARK: Lines

    private mutating func take(_ line: String) throws {
        if line.hasPrefix("# HELP ") {
            let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { throw Problem(description: "no help: \(line)") }
            help = (String(parts[0]), String(parts[1]))
        } else if line.hasPrefix("# TYPE ") {
            let parts = line.dropFirst(7).split(separator: " ").map(String.init)
            guard parts.count == 2, let help, help.name == parts[0] else {
                throw Problem(description: "a type without the help before it: \(line)")
            }
            guard families[parts[0]] == nil else {
                throw Problem(description: "a second family of this name: \(line)")
            }
            guard ["counter", "gauge", "histogram"].contains(parts[1]) else {
                throw Problem(description: "unknown type: \(line)")
            }
            families[parts[0]] = Family(type: parts[1], help: help.text)
            current = parts[0]
        } else {
            let sample = try Self.sample(line)
            guard let current, let type = families[current]?.type else {
                throw Problem(description: "a sample before any family: \(line)")
            }
            let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            guard suffixes.contains(where: { current + $0 == sample.name }) else {
                throw Problem(description: "a sample outside its family: \(line)")
            }
            let isTwice = families[current]?.samples.contains {
                $0.name == sample.name && $0.labels == sample.labels
            }
            guard isTwice != true else { throw Problem(description: "twice: \(line)") }
            families[current]?.samples.append(sample)
        }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = Substring(line)
        let name = take(&rest, while: isNameCharacter)
        guard let first = name.first, !first.isNumber else {
            throw Problem(description: "no name: \(line)")
        }
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest.removeFirst()
            while rest.first != "}" {
                let label = take(&rest, while: isNameCharacter)
                guard !label.isEmpty, rest.hasPrefix("=\"") else {
                    throw Problem(description: "no label: \(line)")
                }
                rest.removeFirst(2)
                guard labels.updateValue(try text(&rest, line), forKey: label) == nil else {
                    throw Problem(description: "a label twice: \(line)")
                }
                if rest.first == "," { rest.removeFirst() }
            }
            rest.removeFirst()
        }
        guard rest.first == " " else { throw Problem(description: "no value: \(line)") }
        rest.removeFirst()
        let words = ["+Inf": Double.infinity, "-Inf": -Double.infinity, "NaN": Double.nan]
        guard let value = words[String(rest)] ?? Double(rest) else {
            throw Problem(description: "not a number: \(line)")
        }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func text(_ rest: inout Substring, _ line: String) throws -> String {
        var text = ""
        while let character = rest.first {
            rest.removeFirst()
            switch character {
            case "\"": return text
            case "\\":
                guard let escaped = rest.first,
                    let meant = ["\\": "\\", "\"": "\"", "n": "\n"][escaped]
                else { throw Problem(description: "unknown escape: \(line)") }
                rest.removeFirst()
                text += meant
            default: text.append(character)
            }
        }
        throw Problem(description: "a label without an end: \(line)")
    }

    private static func take(
        _ rest: inout Substring, while fits: (Character) -> Bool
    ) -> String {
        let part = rest.prefix(while: fits)
        rest = rest[part.endIndex...]
        return String(part)
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_")
    }

    // MARK: Families

    private static let abbreviations: Set<Substring> = [
        "s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
    ]

    /// The rules of `promtool check metrics`.
    private static func check(_ name: String, _ family: Family) throws {
        func complain(_ text: String) -> Problem { Problem(description: "\(name): \(text)") }
        if family.help.isEmpty { throw complain("no help") }
        if family.samples.isEmpty { throw complain("no samples") }
        let isCounter = family.type == "counter"
        guard name.hasSuffix("_total") == isCounter else {
            throw complain("counters, and only they, end with _total")
        }
        let words = name.split(separator: "_")
        if words.contains(where: { abbreviations.contains($0) }) {
            throw complain("an abbreviated unit")
        }
        if words.contains(where: { ["counter", "gauge", "histogram", "summary"].contains($0) }) {
            throw complain("its type is in its name")
        }
        if name.contains(where: \.isUppercase) { throw complain("not in lower case") }
        for suffix in ["_bucket", "_count", "_sum"] where name.hasSuffix(suffix) {
            throw complain("\(suffix) is for histograms")
        }
        if isCounter, family.samples.contains(where: { !($0.value >= 0) }) {
            throw complain("a counter below 0")
        }
        if family.type == "histogram" { try checkHistogram(name, family) }
    }

    private static func checkHistogram(_ name: String, _ family: Family) throws {
        var series: [[String: String]: [Sample]] = [:]
        for sample in family.samples {
            var labels = sample.labels
            labels["le"] = nil
            series[labels, default: []].append(sample)
        }
        for (labels, samples) in series {
            let buckets = samples.filter { $0.name == "\(name)_bucket" }
            let bounds = buckets.compactMap { sample in
                sample.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) }
            }
            let count = samples.filter { $0.name == "\(name)_count" }
            guard bounds.count == buckets.count, bounds == bounds.sorted(),
                Set(bounds).count == bounds.count, bounds.last == .infinity
            else { throw Problem(description: "\(name) \(labels): bounds \(bounds)") }
            let values = buckets.map(\.value)
            guard values == values.sorted(), count.count == 1, count[0].value == values.last,
                samples.filter({ $0.name == "\(name)_sum" }).count == 1
            else { throw Problem(description: "\(name) \(labels): counts \(values)") }
        }
    }
}
