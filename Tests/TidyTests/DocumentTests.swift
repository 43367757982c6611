import FoundationEssentials
import Testing

/// The documents name what is there.
@Suite struct DocumentTests {
    /// Where documents for people are: at the top, under `docs`, and beside the code.
    static let documents: [SourceTree.File] =
        SourceTree.files(named: ["README.md", "ARCHITECTURE.md"])
        + ["docs", "Sources"].flatMap { SourceTree.files(under: $0) }
        .filter { $0.path.hasSuffix(".md") }

    @Test(arguments: documents)
    func `every path in a document exists`(_ document: SourceTree.File) {
        let missing = Self.codeSpans(of: document).compactMap { Self.path(in: $0) }
            .filter { !SourceTree.exists($0) }
        #expect(missing == [])
    }

    @Test(arguments: documents)
    func `every link in a document leads somewhere`(_ document: SourceTree.File) {
        let folder = document.path.split(separator: "/").dropLast().joined(separator: "/")
        let missing = Self.links(in: document).filter { link in
            !SourceTree.exists(folder.isEmpty ? link : "\(folder)/\(link)")
        }
        #expect(missing == [])
    }

    @Test func `the code map has the modules of the package, in its order`() throws {
        let package = try #require(SourceTree.files(named: ["Package.swift"]).first)
        let architecture = try #require(SourceTree.files(named: ["ARCHITECTURE.md"]).first)
        let modules = Self.modules(in: package)
        #expect(modules.count > 10)
        #expect(Self.codeMap(in: architecture) == modules)
    }

    @Test func `what the architecture calls by type and member is declared`() throws {
        let architecture = try #require(SourceTree.files(named: ["ARCHITECTURE.md"]).first)
        let declared = Self.declarations(in: SourceTree.swiftFiles(under: "Sources"))
        let names = Self.codeSpans(of: architecture).compactMap { Self.member(in: $0) }
        #expect(names.count > 50)
        let undeclared = names.filter {
            !declared.contains($0.type) || $0.member != "init" && !declared.contains($0.member)
        }
        .map { "\($0.type).\($0.member)" }
        #expect(undeclared == [])
    }

    @Test func `every module's readme says more than its name`() {
        let silent = Self.documents.filter { $0.path.hasPrefix("Sources/") }
            .filter { $0.text.utf8.count < 250 }
        #expect(silent.map(\.path) == [])
    }

    // MARK: Reading documents

    /// The text between two backticks, outside of blocks of code.
    private static func codeSpans(of document: SourceTree.File) -> [Substring] {
        var isBlock = false
        var spans: [Substring] = []
        for line in document.lines.map(\.text) {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isBlock.toggle()
            } else if !isBlock {
                let parts = line.split(separator: "`", omittingEmptySubsequences: false)
                spans += stride(from: 1, to: parts.count - 1, by: 2).map { parts[$0] }
            }
        }
        return spans
    }

    /// The first word of a span, if it reads like a path of this repository.
    private static func path(in span: Substring) -> String? {
        guard let word = span.split(separator: " ").first, !word.contains("*") else { return nil }
        let roots = ["Sources/", "Tests/", "ClusterScripts/", "docs/", ".ci/"]
        let files = ["Package.swift", "ARCHITECTURE.md", "Makefile"]
        guard roots.contains(where: { word.hasPrefix($0) }) || files.contains(String(word)) else {
            return nil
        }
        return String(word)
    }

    private static func links(in document: SourceTree.File) -> [String] {
        document.text.split(separator: "](").dropFirst().compactMap { rest in
            guard let end = rest.firstIndex(of: ")") else { return nil }
            let link = rest[..<end].split(separator: "#", omittingEmptySubsequences: false)[0]
            return link.isEmpty || link.contains("://") || link.contains(" ") ? nil : String(link)
        }
    }

    /// `Type.member`, with or without the labels of a function.
    private static func member(in span: Substring) -> (type: Substring, member: Substring)? {
        let name = span.prefix { $0 != "(" }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].first?.isUppercase == true,
            parts[1].first?.isLowercase == true,
            !["swift", "md", "json", "db"].contains(parts[1]),
            parts.allSatisfy({ $0.allSatisfy { $0.isLetter } })
        else { return nil }
        return (parts[0], parts[1])
    }

    /// Every name that stands behind a keyword which declares one.
    private static func declarations(in files: [SourceTree.File]) -> Set<Substring> {
        let keywords: Set<Substring> = [
            "struct", "enum", "class", "protocol", "func", "var", "let", "case",
        ]
        var names: Set<Substring> = []
        for file in files {
            let words = file.text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            for (keyword, name) in zip(words, words.dropFirst()) where keywords.contains(keyword) {
                names.insert(name)
            }
        }
        return names
    }

    /// The names that stand in the list under "Code map", before each dash or colon.
    private static func codeMap(in document: SourceTree.File) -> [Substring] {
        let lines = document.lines.map(\.text).drop { !$0.hasPrefix("## Code map") }.dropFirst()
            .prefix { !$0.hasPrefix("## ") }
        return lines.filter { $0.hasPrefix("- **`") }.flatMap { line in
            line.split(separator: "**`").dropFirst().compactMap { $0.split(separator: "`**").first }
        }
    }

    /// The targets of the package that are not tests, in order.
    private static func modules(in package: SourceTree.File) -> [Substring] {
        guard let start = package.text.firstRange(of: "targets: [\n"),
            let end = package.text.firstRange(of: "tests(\"")
        else { return [] }
        let targets = package.text[start.upperBound..<end.lowerBound]
        let words = targets.split { " \n(,:[]".contains($0) }
        return words.indices.dropFirst().compactMap { place in
            let isTarget =
                words[place - 1] == "module"
                || words[place - 1] == "name" && place > 1
                    && [".systemLibrary", ".executableTarget"].contains(words[place - 2])
            guard isTarget, words[place].hasPrefix("\"") else { return nil }
            return words[place].dropFirst().prefix { $0 != "\"" }
        }
    }
}
