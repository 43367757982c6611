import FoundationEssentials

/// The files of this repository, read as lines.
enum SourceTree {
    struct File: CustomStringConvertible {
        /// Relative to the repository's root.
        let path: String
        let text: String

        var description: String { path }

        /// Lines with their numbers, from 1.
        var lines: [(number: Int, text: Substring)] {
            text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .map { ($0.offset + 1, $0.element) }
        }

        /// Lines without those that are only a comment.
        var code: [(number: Int, text: Substring)] {
            lines.filter { !$0.text.drop { $0 == " " }.hasPrefix("//") }
        }
    }

    /// The directory that holds Package.swift, found from where this file was compiled.
    static let root = String(#filePath.dropLast("/Tests/TidyTests/SourceTree.swift".count))

    /// The Swift files under a directory of the repository, in path order.
    static func swiftFiles(under directory: String) -> [File] {
        files(under: directory).filter { $0.path.hasSuffix(".swift") }
    }

    /// All files under a directory of the repository that are text, in path order.
    static func files(under directory: String) -> [File] {
        let base = "\(root)/\(directory)"
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: base)) ?? []
        return files(named: names.sorted().map { "\(directory)/\($0)" })
    }

    /// Files of the repository by their paths; those that do not exist are left out.
    static func files(named paths: [String]) -> [File] {
        paths.compactMap { path in
            guard let data = FileManager.default.contents(atPath: "\(root)/\(path)"),
                let text = String(bytes: data, encoding: .utf8)
            else { return nil }
            return File(path: path, text: text)
        }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(root)/\(path)")
    }

    /// "path:line: text" of every line of code that `isOffence` picks.
    static func offences(
        in files: [File], where isOffence: (Substring) -> Bool
    ) -> [String] {
        files.flatMap { file in
            file.code.filter { isOffence($0.text) }
                .map { "\(file.path):\($0.number): \($0.text)" }
        }
    }
}
