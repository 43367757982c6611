import Base
import Glibc
import TestSupport
import Testing

@testable import Target

/// The names of a bucket in the order of their bytes, page by page.
@Suite struct ObjectWalkerTests {
    @Test func `a directory sorts as its name with a slash`() throws {
        let disk = try TemporaryDirectory()
        let names = ["a.b", "a-b", "a/b", "a/c/d", "a0", "a/c-d", "B", "ab", "é", "z/1"]
        try Self.make(names, in: disk)
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(try Self.walk(disk) == sorted)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `every page of every prefix is what a sorted list gives`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = try TemporaryDirectory()
        let all = Self.names(&random, count: 400)
        try Self.make(all, in: disk)
        let sorted = all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for _ in 0..<40 {
            let prefix = Self.cut(sorted.randomElement(using: &random) ?? "", &random)
            let after =
                Bool.random(using: &random)
                ? Self.cut(sorted.randomElement(using: &random) ?? "", &random) : ""
            let expected = sorted.filter {
                $0.utf8.starts(with: prefix.utf8)
                    && after.utf8.lexicographicallyPrecedes($0.utf8)
            }
            #expect(try Self.walk(disk, prefix: prefix, after: after) == expected)
        }
    }

    @Test func `a directory larger than a page is read in parts, none left out`() throws {
        let disk = try TemporaryDirectory()
        let names = (0..<1_000).map { "d/\($0 * 7_919 % 1_000)" }
        try Self.make(names, in: disk)
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        // The walker keeps 64 entries of a directory at once.
        #expect(try Self.walk(disk, page: 1) == sorted)
    }

    @Test func `a missing bucket has no names, and so has a prefix that is a file's`() throws {
        let disk = try TemporaryDirectory()
        #expect(try Self.walk(disk) == [])
        try Self.make(["a"], in: disk)
        #expect(try Self.walk(disk, prefix: "a/") == [])
        #expect(try Self.walk(disk, prefix: "b/c") == [])
    }

    private static func walk(
        _ disk: TemporaryDirectory, prefix: String = "", after: String = "", page: Int = 10
    ) throws -> [String] {
        var walker = ObjectWalker(
            try Directory(opening: disk.path), root: "ob", prefix: prefix, after: after, page: page)
        var names: [String] = []
        while let name = try walker.next() { names.append(String(decoding: name, as: UTF8.self)) }
        return names
    }

    private static func make(_ names: [String], in disk: TemporaryDirectory) throws {
        let directory = try Directory(opening: disk.path)
        for name in names {
            let path = "ob/\(name)"
            try directory.makePath(Directory.parent(of: path) ?? "ob")
            _ = try directory.open(path, O_CREAT | O_WRONLY)
        }
    }

    /// Random names such that none is a directory of another.
    private static func names(_ random: inout SeededRandom, count: Int) -> [String] {
        var files: Set<String> = []
        var directories: Set<String> = []
        let letters = ["a", "b", "-", ".x", "0", "é", "A", "~"]
        while files.count < count {
            let parts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    letters[Int.random(in: 0..<letters.count, using: &random)]
                }.joined()
            }
            let name = parts.joined(separator: "/")
            let parents = (1..<parts.count).map { parts[..<$0].joined(separator: "/") }
            guard !directories.contains(name), !parents.contains(where: { files.contains($0) })
            else { continue }
            files.insert(name)
            directories.formUnion(parents)
        }
        return Array(files)
    }

    /// Some front part of a name, cut between characters.
    private static func cut(_ name: String, _ random: inout SeededRandom) -> String {
        String(name.prefix(Int.random(in: 0...name.count, using: &random)))
    }
}
