import FoundationEssentials
import Testing

/// The "nowhere" rules: what must be absent from whole modules.
@Suite struct TidyTests {
    /// Modules that run for every object or every log entry.
    static let dataPath = ["Sources/Base", "Sources/HTTP", "Sources/Consensus"]

    @Test func `the consensus core imports nothing and waits for nothing`() {
        let files = SourceTree.swiftFiles(under: "Sources/Consensus/Core")
        #expect(!files.isEmpty)
        let offences = SourceTree.offences(in: files) { line in
            Self.imports(line) != nil
                || Self.words(line).contains { $0 == "await" || $0 == "async" }
        }
        #expect(offences == [])
    }

    @Test func `consensus knows no other module and no Foundation`() {
        let allowed: Set<Substring> = ["Synchronization"]
        let offences = SourceTree.offences(
            in: SourceTree.swiftFiles(under: "Sources/Consensus")
        ) { line in
            Self.imports(line).map { !allowed.contains($0) } ?? false
        }
        #expect(offences == [])
    }

    @Test func `only the store and the simulated disk speak SQL`() {
        let files = SourceTree.swiftFiles(under: "Sources").filter { file in
            !file.path.hasPrefix("Sources/MetaStore/")
                && !file.path.hasPrefix("Sources/Simulation/Disk/")
        }
        let offences = SourceTree.offences(in: files) { line in
            line.contains("sqlite3_") || line.contains("SELECT ") || Self.imports(line) == "CSQLite"
        }
        #expect(offences == [])
    }

    @Test(arguments: dataPath)
    func `the data path does without Foundation`(_ module: String) {
        let offences = SourceTree.offences(in: SourceTree.swiftFiles(under: module)) { line in
            Self.imports(line).map { $0.hasPrefix("Foundation") } ?? false
        }
        #expect(offences == [])
    }

    @Test func `no module imports all of Foundation`() {
        let offences = SourceTree.offences(in: SourceTree.swiftFiles(under: "Sources")) { line in
            Self.imports(line) == "Foundation"
        }
        #expect(offences == [])
    }

    @Test func `targets hold no replica of the log`() {
        let offences = SourceTree.offences(in: SourceTree.swiftFiles(under: "Sources/Target")) {
            Self.imports($0) == "Consensus" || Self.imports($0) == "MetaStore"
        }
        #expect(offences == [])
    }

    /// The compiler specialises across modules what is `public`, and only that (docs/decisions/0019).
    @Test func `what crosses a module is public where generics have to, and package elsewhere`() {
        let specialised = ["Base", "Consensus", "Cluster"].flatMap {
            SourceTree.swiftFiles(under: "Sources/\($0)")
        }
        let known = Set(specialised.map(\.path))
        let all = SourceTree.swiftFiles(under: "Sources") + SourceTree.swiftFiles(under: "Tests")
        let others = all.filter { !known.contains($0.path) }
        func isAccess(_ line: Substring, _ words: [String]) -> Bool {
            let first = Self.words(line).drop { $0.hasPrefix("@") }.first
            return first.map { words.contains(String($0)) } ?? false
        }
        let offences =
            SourceTree.offences(in: specialised) { isAccess($0, ["package", "open"]) }
            + SourceTree.offences(in: others) { isAccess($0, ["public", "open"]) }
        #expect(offences == [])
    }

    @Test func `nothing is left to do later`() {
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX:"]
        let places = ["Sources", "Tests", "ClusterScripts", "docs"]
        let offences = places.flatMap { SourceTree.files(under: $0) }.flatMap { file in
            file.lines.filter { line in marks.contains { line.text.contains($0) } }
                .map { "\(file.path):\($0.number): \($0.text)" }
        }
        #expect(offences == [])
    }

    @Test func `every module says what it is`() throws {
        let manager = FileManager.default
        let wrappers: Set<String> = ["CSQLite", "CZstd", "CLinux", "Tools", "Martlet"]
        let modules = try ["Sources", "Sources/Tools"].flatMap { parent in
            try manager.contentsOfDirectory(atPath: "\(SourceTree.root)/\(parent)")
                .filter { !wrappers.contains($0) && !$0.hasPrefix(".") }
                .map { "\(parent)/\($0)" }
        }
        #expect(modules.count >= 12)
        let silent = modules.filter { module in
            !manager.fileExists(atPath: "\(SourceTree.root)/\(module)/README.md")
        }
        #expect(silent == [])
    }

    /// The module that a line imports, whatever stands before the keyword.
    private static func imports(_ line: Substring) -> Substring? {
        let words = words(line)
        guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.endIndex,
            words[..<keyword].allSatisfy({ $0.hasPrefix("@") || modifiers.contains($0) })
        else { return nil }
        return words[keyword + 1]
    }

    private static let modifiers: Set<Substring> = [
        "package", "internal", "private", "fileprivate", "public",
    ]

    private static func words(_ line: Substring) -> [Substring] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@" || $0 == ".") }
    }
}
