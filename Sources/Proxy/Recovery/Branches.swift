import API
import Base
import Cluster
import Consensus
import Glibc
import HTTP
import MetaStore

/// `GET /v1/daemon?what=branches`: logs that this proxy had when a forced recovery left it behind, and what only they have.
final class Branches: Sendable {
    private let dataPath: String
    private let pool: BlockingPool
    /// A branch is read whole, and verified.
    private let readers = Places(2)

    /// Each belongs to a forced recovery; a proxy sees few.
    static let listedMax = 100

    init(dataPath: String, pool: BlockingPool) {
        self.dataPath = dataPath
        self.pool = pool
    }

    /// The files' names, in order.
    var names: [String] {
        Branch.files(in: dataPath).map { String($0.split(separator: "/").last ?? "") }
    }

    func serve(_ exchange: Exchange, _ query: Query, _ now: ClusterState) async throws {
        guard let name = try query.value(QueryName.name), !name.isEmpty else {
            try query.refuse(QueryName.after, because: "for one branch (name=…)")
            return exchange.respond(.ok, type: "application/json", body: list)
        }
        guard names.contains(name) else {
            throw Failure(
                .badQuery, "there is no branch '\(name.excerpt)' here",
                next: "GET /v1/daemon?what=branches lists them")
        }
        let after = try Self.index(query)
        guard readers.take() else {
            throw Failure(.overloaded, "too many read branches", next: "try again in a moment")
        }
        defer { readers.giveBack() }
        let path = "\(dataPath)/\(Branch.folder)/\(name)"
        let document = try await pool.run {
            try Self.document(name, try Branch(path: path), after, now)
        }
        exchange.respond(.ok, type: "application/json", body: document)
    }

    private static func index(_ query: Query) throws(Failure) -> Index? {
        guard let text = try query.value(QueryName.after) else { return nil }
        guard let index = UInt64(text), text.first != "+" else {
            throw Failure(
                .badQuery, "'after' is '\(text.excerpt)'", next: "the index of an entry")
        }
        return Index(index)
    }

    private var list: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("branches")
            json.array { json in
                for name in names {
                    let path = "\(dataPath)/\(Branch.folder)/\(name)"
                    var status = stat()
                    let isThere = stat(path, &status) == 0
                    json.object { json in
                        json.member("name", name)
                        json.member("path", path)
                        json.member("bytes", isThere ? Int(status.st_size) : 0)
                    }
                }
            }
        }
        json.newline()
        return json.bytes
    }

    /// The last entry of a branch that the present log has as well: the recovery that left its generation says so. Of one that was
    /// undone, it is the last entry that was known to be committed when that recovery was made.
    static func shared(_ branch: Branch, _ now: ClusterState) -> Index? {
        let left = now.recoveries.values.first { $0.leaves(branch.hardState.generation) }
        let begun = branch.state?.recoveries.values.first {
            $0.leaves(Position(now.position).generation)
        }
        return left.map { Index($0.base.index) }
            ?? begun.map { Index(min($0.committed, $0.base.index)) }
    }

    private static func document(
        _ name: String, _ branch: Branch, _ after: Index?, _ now: ClusterState
    ) throws -> [UInt8] {
        let shared = shared(branch, now)
        let page = try branch.items(after: after ?? shared ?? .zero)
        let facts = try RecoveryFacts.read(branch: branch)
        let only = facts.holdings.missing(in: Holdings(now))
        var json = JSONWriter(capacity: 4_096)
        json.object { json in
            json.member("name", name)
            json.member("cluster", facts.clusterID)
            json.member("member", "\(branch.member)")
            json.member("generation", "\(branch.hardState.generation)")
            json.member("superseded_by", branch.hardState.supersededBy.map { "\($0)" })
            json.member("last", branch.last)
            json.member("applied", branch.applied)
            json.key("shared_until")
            if let shared { json.value(shared.rawValue) } else { json.null() }
            json.key("only_here")
            json.object { $0.value(members: only) }
            json.member("names_left_out", facts.holdings.isPartial)
            write(page, of: branch, to: &json)
        }
        json.newline()
        return json.bytes
    }

    /// The members that tell of entries.
    static func write(_ page: Branch.Page, of branch: Branch, to json: inout JSONWriter) {
        json.member("entries_no_longer_kept", page.compacted)
        json.key("entries")
        json.array { json in
            for item in page.items { write(item, branch, to: &json) }
        }
        json.member("more", page.hasMore)
        json.member(
            "after", page.hasMore ? page.items.last.map { "\($0.entry.index)" } ?? "" : "")
    }

    private static func write(_ item: Branch.Item, _ branch: Branch, to json: inout JSONWriter) {
        let entry = RecoveryFacts.TailEntry(item.entry)
        json.object { json in
            json.member("index", entry.mark.index.rawValue)
            json.member("term", entry.mark.term.rawValue)
            json.member("time", Text.time(Timestamp(nanoseconds: entry.time)))
            json.member("command", item.command)
            json.member("subject", entry.subject)
            json.member("actor", entry.actor)
            json.member("address", item.record?.clientAddress ?? "")
            json.member("request_id", item.record?.requestID ?? "")
            // What was applied there was committed there, and may have been acknowledged; so may the last ones that were not.
            json.member("applied", item.entry.index <= branch.applied.index)
        }
    }
}

extension RecoveryRecord {
    /// Whether it is this generation that the recovery has left behind.
    func leaves(_ generation: Consensus.Generation) -> Bool {
        (base.generation, base.nonce) == (generation.counter, generation.nonce)
    }
}

extension RecoveryFacts {
    /// What a branch holds, its tail included.
    static func read(branch: Branch) throws -> RecoveryFacts {
        let storage = try SQLiteLog(readingOnly: branch.path)
        let recovered = try storage.load()
        return RecoveryFacts(
            branch.state ?? ClusterState(), try storage.outline(), entries: recovered.tail)
    }
}
