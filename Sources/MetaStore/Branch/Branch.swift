import Base
package import Cluster
package import Consensus

/// The database of a member that a forced recovery has left behind, set aside before the member began anew: nothing writes it
/// any more, and what it has that the others lack can be listed from it.
package struct Branch: Sendable {
    /// An entry of the branch: who did what, and what it changed.
    package struct Item: Sendable {
        package let entry: Entry
        /// `nil` for the first entry of a term, a configuration, or a record this program does not know.
        package let record: LogRecord?
        /// `nil` when the entry was not applied, when it changed nothing, and when the history does not reach back.
        package let history: HistoryEntry?
    }

    /// Some entries of a branch, oldest first.
    package struct Page: Sendable {
        package var items: [Item] = []
        /// Ask on from the last one.
        package var hasMore = false
        /// Entries between the base that was asked for and the first that is kept here: only the history may tell of them.
        package var compacted = 0
    }

    package static let pageMax = 1_000
    private static let pageBytesMax = 4 << 20

    package let path: String
    package let member: MemberID
    package let hardState: HardState
    /// The last entry of the log, and the last that is known to be committed, whose effect is in ``state``.
    package let last: LogMark
    package let applied: LogMark
    /// What the entries did whose effect was not stored yet.
    private let unstored: [HistoryEntry]
    /// The last entry that the log no longer has.
    package let base: LogBase
    /// The configuration in force at the end of the log.
    package let configuration: Configuration
    /// `nil` when nothing was ever applied.
    package let state: ClusterState?

    /// Reads the file and verifies all of it; it is not changed.
    ///
    /// - Throws: when the file cannot be opened, is none of ours, or is damaged.
    package init(path: String) throws {
        let log = try SQLiteLog(readingOnly: path)
        let recovered = try log.load()
        self.path = path
        member = log.member
        hardState = recovered.hardState
        last = LogMark(
            index: recovered.lastIndex,
            term: recovered.termRuns.last?.term ?? recovered.base.mark.term)
        base = recovered.base
        configuration =
            recovered.configurations.last?.configuration ?? recovered.base.configuration
        var catalog = Catalog()
        if let image = recovered.image { catalog.restore(image) }
        var applied = recovered.applied
        let known = recovered.knownCommit.index
        for entry in recovered.tail where entry.index <= known {
            // What cannot be read stands in the log, and its effect is not known.
            guard (try? catalog.apply(entry)) != nil else { break }
            applied = entry.mark
        }
        self.applied = applied
        state = applied == .zero ? nil : catalog.state
        unstored = catalog.takeDelta()?.history ?? []
    }

    /// The entries behind `index`, with what they did.
    ///
    /// - Parameter index: the last entry that the others have too.
    /// - Returns: as many as one answer holds.
    /// - Throws: when the file cannot be read.
    package func items(after index: Index) throws -> Page {
        var page = Page()
        let first = max(index, base.mark.index).next
        if index < base.mark.index { page.compacted = base.mark.index.distance(from: index) }
        guard first <= last.index else { return page }
        let log = try SQLiteLog(readingOnly: path)
        _ = try log.load()
        let wanted = Index(min(last.index.rawValue, first.rawValue + UInt64(Self.pageMax) - 1))
        let entries = try log.entries(from: first, through: wanted, maxBytes: Self.pageBytesMax)
        guard let end = entries.last?.index else { return page }
        var lines: [UInt64: HistoryEntry] = [:]
        var before = end.rawValue + 1
        while before > first.rawValue {
            let history = try log.history(before: before, about: .all, count: Self.pageMax)
            for line in history.entries { lines[line.position.index] = line }
            guard history.hasMore, let oldest = history.entries.last else { break }
            before = oldest.position.index
        }
        for line in unstored { lines[line.position.index] = line }
        page.items = entries.map { entry in
            Item(
                entry: entry,
                record: entry.kind == .command ? try? LogRecord(decoding: entry.payload) : nil,
                history: lines[entry.index.rawValue])
        }
        page.hasMore = end < last.index
        return page
    }
}

extension Branch.Item {
    /// ``Cluster/Command/name``, `primary`, `configuration`, or `unknown` for what a newer program wrote.
    package var command: String {
        switch entry.kind {
        case .command: record?.command.name ?? "unknown"
        case .leader: "primary"
        case .configuration: "configuration"
        }
    }
}
