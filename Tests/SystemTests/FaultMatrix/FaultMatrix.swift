import Foundation
import TestSupport
import Testing

/// A cluster whose primary is struck at a step of a request, and what the request came to.
///
/// Three proxies vote; p4 and p5 do not, so that p4 can pass requests on while all others are held up. t1 is the target that
/// holds answers back; t3 and p5 are put on the map and taken off.
final class FaultMatrix {
    let cluster: LabCluster
    /// Distinguishes the names that each request uses.
    private(set) var number = 0
    private(set) var records: [Record] = []
    /// What was on the disks of targets before a request, where that matters.
    var disks: [String: String] = [:]

    static let via = "p4"
    static let voters = ["p1", "p2", "p3"]

    /// What a request was found to have come to, to be looked at again in the end.
    struct Record {
        let label: String
        let operation: Operation
        let number: Int
        let id: String
        let since: String
        let isApplied: Bool
    }

    struct Broken: Error, CustomStringConvertible {
        let description: String
    }

    private init(_ cluster: LabCluster) {
        self.cluster = cluster
    }

    static func with(_ body: (FaultMatrix) throws -> Void) throws {
        // swift-format-ignore: OnlyOneTrailingClosureArgument
        try LabCluster.with(
            proxies: 5, targets: 3,
            prepare: { cluster in
                for proxy in ["p4", "p5"] { cluster.flags[proxy] = "--non-electable" }
            }
        ) { cluster in
            let matrix = FaultMatrix(cluster)
            try body(matrix)
            try matrix.lookAgain()
        }
    }

    // MARK: One cell

    /// Sends a request, strikes, and holds everything that is said against what is so.
    func run(_ operation: Operation, _ cell: Cell) throws {
        number += 1
        let label = "\(operation.name), \(cell)"
        let primary = try primaryVoter()
        let others = Self.voters.filter { $0 != primary }
        try operation.prepare(self)
        let id = "matrix-\(number)"
        // A client that has no answer has to know what it has asked for, and in which term.
        let bound = try place(at: others[0])
        let entry = cell.entry == .primary ? primary : Self.via
        let request = try Call(
            cluster, operation.request(self, cluster.url(entry)), id: id,
            term: cell.entry == .primary ? bound : nil,
            // One whom nobody answers gives up; longer than a target holds an answer back.
            seconds: cell.entry == .primary ? 5 : 20)
        let strike = Strike(matrix: self, primary: primary, others: others, entry: entry, id: id)
        try strike.arrange(cell.step, before: request)
        try strike.strike(cell.fault)
        let answer = try request.answer()

        // What it was, before the primary comes back.
        let since = answer.since ?? bound
        let isApplied: Bool
        switch answer.kind {
        case .done, .partly: isApplied = true
        case .refused: isApplied = false
        case .unknown, .none:
            if answer.kind == .none { #expect(cell.entry == .primary, "\(label): no answer") }
            #expect(answer.since != nil || answer.kind == .none, "\(label): \(answer)")
            #expect(answer.requestID == nil || answer.requestID == id, "\(label): \(answer)")
            // While it is held up the entry may be nowhere but there, and that is final only when another leads.
            isApplied = try fate(of: id, since: since, at: others + [Self.via], label) == "applied"
        case .other: throw Broken(description: "\(label): neither of the three: \(answer)")
        }
        try strike.recover(cell.fault)
        let record = Record(
            label: label, operation: operation, number: number, id: id, since: since,
            isApplied: isApplied)
        records.append(record)
        try check(record, "\(answer)")
        try operation.afterwards?(self, record, answer)
        print("matrix: \(label): \(answer.kind), \(isApplied ? "applied" : "not applied")")
    }

    /// Everywhere the same, in the state and in the history.
    private func check(_ record: Record, _ note: String) throws {
        for proxy in Self.voters + [Self.via] {
            let isDone = try record.operation.isDone?(self, record.number, proxy)
            #expect(
                isDone == nil || isDone == record.isApplied,
                "\(record.label): at \(proxy) it is \(isDone == true ? "" : "not ")done; \(note)")
        }
        try checkHistory(record, note)
    }

    private func checkHistory(_ record: Record, _ note: String) throws {
        for proxy in Self.voters + [Self.via] {
            let fate = try look(for: record.id, since: record.since, at: proxy)
            #expect(
                (fate == "applied") == record.isApplied,
                "\(record.label): \(proxy) says \(fate); \(note)")
        }
    }

    /// What was refused stays undone, whatever has happened since.
    private func lookAgain() throws {
        for record in records { try checkHistory(record, "in the end") }
    }

    // MARK: Looking

    /// The last word on a request, from whoever has it.
    private func fate(
        of id: String, since: String, at proxies: [String], _ label: String
    ) throws -> String {
        var last = ""
        do {
            try waitUntil("\(label): the last word on \(id)", within: 20) {
                for proxy in proxies {
                    last = try look(for: id, since: since, at: proxy)
                    if last == "applied" || last == "not_applied" { return true }
                }
                return false
            }
        } catch {
            throw Broken(description: "\(error), but '\(last)'")
        }
        return last
    }

    func look(
        for id: String, since: String? = nil, at proxy: String, isStale: Bool = false
    ) throws -> String {
        struct Document: Decodable { let outcome: String }
        var query = "what=history&request_id=\(id)"
        if let since { query += "&since=\(since)" }
        if isStale { query += "&consistency=stale" }
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/cluster?\(query)'", seconds: 8)
        let document = try? JSONDecoder().decode(Document.self, from: Data(reply.body.utf8))
        return document?.outcome ?? "\(reply.status) \(reply.body)"
    }

    /// The position of the state at a proxy, as a client has it from an answer.
    func place(at proxy: String) throws -> String {
        let reply = try cluster.curl("-i '\(cluster.url(proxy))/v1/buckets/*'")
        let name = "martlet-position:"
        let line = reply.body.split(whereSeparator: \.isNewline).first {
            $0.lowercased().hasPrefix(name)
        }
        guard let line else { throw Broken(description: "no position: \(reply)") }
        return line.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
    }

    /// The primary, when all are well and it votes.
    func primaryVoter() throws -> String {
        try settle()
        return try cluster.primary()
    }

    /// Waits for all that take part whatever the map says.
    func settle() throws {
        let nodes = Self.voters + [Self.via, "t1", "t2"]
        var last = ""
        do {
            try waitUntil("all are ready", within: 60) {
                try nodes.allSatisfy { node in
                    let reply = try cluster.curl(
                        "'\(cluster.url(node))/v1/health?readiness=true'", seconds: 2)
                    last = "\(node): \(reply)"
                    return reply.status == 200
                }
            }
        } catch {
            throw Broken(description: "\(error): \(last)")
        }
    }

    func json(_ path: String, at proxy: String) throws -> [String: Any] {
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/\(path)'", seconds: 8)
        let json = try JSONSerialization.jsonObject(with: Data(reply.body.utf8))
        // Within a wait this fails without being an issue.
        guard let object = json as? [String: Any] else {
            throw Broken(description: "\(path): \(reply)")
        }
        return object
    }

    /// Asks for something until it is so.
    func ensure(
        _ what: String, _ words: (String) -> String, until isSo: (FaultMatrix) throws -> Bool
    ) throws {
        var last = ""
        do {
            try waitUntil(what, within: 30) {
                if try isSo(self) { return true }
                last = try cluster.curl(words(cluster.url(Self.via)), seconds: 15).body
                return try isSo(self)
            }
        } catch {
            throw Broken(description: "\(error): \(last)")
        }
    }
}
