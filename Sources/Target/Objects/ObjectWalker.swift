/// The names of one bucket's objects on one mountpath, in the order of their bytes, from wherever a page begins.
///
/// A directory `a` counts as `a/` among its neighbours, because that is what the names below it begin with: `a-b` and
/// `a.b` come before `a/b`, `a0` after it. Since no two neighbours' names are prefixes of one another then, taking
/// each directory's entries in order and going down at once gives all names in order.
///
/// Only directories that can hold a wanted name are opened, and of each only the smallest wanted entries are kept, as
/// many as a page needs; a larger directory is read again from where it was left. So memory is bounded by the
/// page, not by the bucket.
struct ObjectWalker {
    private let directory: Directory
    /// The bucket's `%ob`, relative to the mountpath.
    private let root: String
    private let prefix: [UInt8]
    private let after: [UInt8]
    private let entriesMax: Int
    private var levels: [Level] = []
    private var hasBegun = false

    private struct Level {
        /// Of names, with the closing slash; empty at the root.
        let path: [UInt8]
        /// In ascending order; a directory's ends with a slash.
        var entries: ArraySlice<[UInt8]> = []
        /// The last entry taken before a directory that was not read to its end.
        var resume: [UInt8]?
    }

    /// Names begin with `prefix` and are greater than `after`; the caller wants `page` of them.
    init(
        _ directory: Directory, root: String, prefix: String, after: String, page: Int
    ) {
        self.directory = directory
        self.root = root
        self.prefix = Array(prefix.utf8)
        self.after = Array(after.utf8)
        entriesMax = max(64, page + 1)
    }

    /// The next name; `nil` behind the last one.
    mutating func next() throws(FileError) -> [UInt8]? {
        if !hasBegun {
            hasBegun = true
            // What stands before the last slash of the prefix is where all wanted names are.
            let slash = prefix.lastIndex(of: Self.slash).map { $0 + 1 } ?? 0
            try descend(Array(prefix[..<slash]), from: nil)
        }
        while let level = levels.last {
            guard let entry = level.entries.first else {
                levels.removeLast()
                if let resume = level.resume { try descend(level.path, from: resume) }
                continue
            }
            levels[levels.count - 1].entries.removeFirst()
            guard entry.last == Self.slash else {
                return level.path + entry
            }
            try descend(level.path + entry, from: nil)
        }
        return nil
    }

    private mutating func descend(_ path: [UInt8], from resume: [UInt8]?) throws(FileError) {
        var level = Level(path: path)
        var entries: [[UInt8]] = []
        var isCut = false
        let keep = entriesMax
        let name =
            path.isEmpty ? root : "\(root)/\(String(decoding: path.dropLast(), as: UTF8.self))"
        do throws(FileError) {
            try directory.forEach(in: name) { bytes, kind in
                guard kind != .other else { return true }
                var entry = Array(bytes)
                if kind == .directory { entry.append(Self.slash) }
                if let resume, !resume.lexicographicallyPrecedes(entry) { return true }
                guard isWanted(path + entry, isDirectory: kind == .directory) else { return true }
                entries.append(entry)
                if entries.count >= 2 * keep {
                    entries.sort { $0.lexicographicallyPrecedes($1) }
                    entries.removeLast(entries.count - keep)
                    isCut = true
                }
                return true
            }
        } catch {
            // Removed since its name was read, or the prefix names no directory.
            if error.isMissing || error.number == Self.notADirectory { return }
            throw error
        }
        entries.sort { $0.lexicographicallyPrecedes($1) }
        if entries.count > keep {
            entries.removeLast(entries.count - keep)
            isCut = true
        }
        if isCut { level.resume = entries.last }
        level.entries = entries[...]
        levels.append(level)
    }

    private func isWanted(_ name: [UInt8], isDirectory: Bool) -> Bool {
        if isDirectory {
            guard name.starts(with: prefix) || prefix.starts(with: name) else { return false }
            return after.starts(with: name) || after.lexicographicallyPrecedes(name)
        }
        return name.starts(with: prefix) && after.lexicographicallyPrecedes(name)
    }

    private static let slash = UInt8(ascii: "/")
    /// ENOTDIR
    private static let notADirectory: Int32 = 20
}
