import FoundationEssentials
import Testing

/// Which row of the catalogue is covered by what, as `docs/consensus/coverage.md` says.
///
/// A test covers the rows that its doc comment names, a script the rows that its first comment
/// names, and the simulator those that its sources name where they check or cause them.
@Suite struct CoverageTests {
    private static let root = String(
        #filePath.dropLast("/Tests/ConsensusTests/CoverageTests.swift".count))
    private static let page = root + "/docs/consensus/coverage.md"

    @Test func `the page of coverage is what the tests say`() throws {
        let catalogue = try Self.catalogue()
        #expect(catalogue.count == 190)
        let text = Self.text(catalogue, try Self.covering())
        if ProcessInfo.processInfo.environment["UPDATE_COVERAGE"] != nil {
            try text.write(toFile: Self.page, atomically: true, encoding: .utf8)
        }
        let page = try String(contentsOfFile: Self.page, encoding: .utf8)
        #expect(page == text, "run UPDATE_COVERAGE=1 swift test --filter CoverageTests")
    }

    @Test func `every identifier that a test names is in the catalogue`() throws {
        let known = Set(try Self.catalogue())
        let unknown = try Self.covering().keys.filter { !known.contains($0) }.sorted()
        #expect(unknown == [])
    }

    private static func text(
        _ catalogue: [String], _ covering: [String: [String]]
    ) -> String {
        let covered = catalogue.filter { covering[$0] != nil }.count
        var lines = [
            "# What covers the catalogue", "",
            "Generated: `UPDATE_COVERAGE=1 swift test --filter CoverageTests`. The rows are those of",
            "[scenarios.md](scenarios.md). \(covered) of \(catalogue.count) are covered.", "",
            "| id | covered by |", "|---|---|",
        ]
        for id in catalogue {
            lines.append("| \(id) | \(covering[id]?.joined(separator: "<br>") ?? "not yet") |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func catalogue() throws -> [String] {
        let text = try String(
            contentsOfFile: root + "/docs/consensus/scenarios.md", encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            line.hasPrefix("| ") ? identifiers(in: line.prefix(8)).first : nil
        }
    }

    /// What names each identifier, in the order of paths and lines.
    private static func covering() throws -> [String: [String]] {
        var covering: [String: [String]] = [:]
        for directory in ["Tests", "Sources/Simulation"] {
            let paths = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(directory)")
            for path in paths.sorted() where path.hasSuffix(".swift") || path.hasSuffix(".txt") {
                let text = try String(
                    contentsOfFile: "\(root)/\(directory)/\(path)", encoding: .utf8)
                for (id, name) in names(in: text, at: path, directory) {
                    if covering[id]?.contains(name) != true {
                        covering[id, default: []].append(name)
                    }
                }
            }
        }
        return covering
    }

    private static func names(
        in text: String, at path: String, _ directory: String
    ) -> [(id: String, name: String)] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let file = String(path.split(separator: "/").last ?? "")
        if path.hasSuffix(".txt") {
            return lines.prefix { $0.hasPrefix("#") }.flatMap(identifiers)
                .map { ($0, "script `\(file.dropLast(4))`") }
        }
        if directory.hasPrefix("Sources") {
            return lines.flatMap(identifiers).map { ($0, "simulator, `\(file)`") }
        }
        var found: [(String, String)] = []
        var waiting: [String] = []
        for line in lines {
            let trimmed = line.drop { $0 == " " }
            if trimmed.hasPrefix("///") { waiting += identifiers(in: trimmed) }
            let parts = trimmed.split(separator: "`", maxSplits: 2)
            if parts.count > 1, parts[0].hasSuffix("func ") {
                let name = parts[1]
                found += waiting.map { ($0, String(name)) }
                waiting = []
            }
            if trimmed.hasPrefix("@Suite") { found += waiting.map { ($0, "all of `\(file)`") } }
            if trimmed.hasPrefix("@Suite") || trimmed.isEmpty { waiting = [] }
        }
        return found
    }

    /// Two capitals, a hyphen, two digits, and no letter or digit around them.
    private static func identifiers(in line: Substring) -> [String] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "-") }.compactMap { word in
            let parts = word.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].count == 2, parts[1].count == 2,
                parts[0].allSatisfy(\.isUppercase), parts[1].allSatisfy(\.isNumber)
            else { return nil }
            return String(word)
        }
    }
}
