import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import HTTP
import MetaStore

/// `martlet recovery set-aside`: undoes a forced recovery that should not have been, at a node that took part in it and does not run.
///
/// The majority that was believed dead lives, and went on in the older generation. Where the two meet, the later generation wins
/// (docs/decisions/0022); so each node that is of it leaves it before they meet. A proxy sets its log aside and joins anew; a
/// target forgets which generation it has followed, and keeps its objects.
struct RecoverySetAside {
    /// The node's data directory.
    let data: String
    /// A proxy of the group that goes on: its URL, or a file with what `what=recovery` says there.
    let against: String
    /// Whether only to say what would be done.
    let isPlan: Bool

    struct Refused: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// - Returns: the report, with a newline behind it.
    /// - Throws: ``Refused``, or what the disk has to say; nothing was changed unless it says so.
    func run() async throws -> [UInt8] {
        let other = try await others()
        let files = FileManager.default
        if files.fileExists(atPath: "\(data)/\(SQLiteLog.fileName)") {
            return try leaveLog(for: other)
        }
        if files.fileExists(atPath: "\(data)/\(ClusterRecord.fileName)") {
            return try leaveFollowing(of: other)
        }
        throw Refused("\(data) holds no log of a proxy, and no record of a target")
    }

    // MARK: The group that goes on

    private func others() async throws -> RecoveryFacts {
        let bytes: [UInt8]
        if against.hasPrefix("http://") {
            bytes = try await Self.ask(try Endpoint(against))
        } else {
            guard let data = FileManager.default.contents(atPath: against) else {
                throw Refused("there is no \(against)")
            }
            bytes = Array(data)
        }
        guard bytes.count <= Limits.recoveryBodyBytes else {
            throw Refused("what \(against) says is too large")
        }
        do throws(DecodingFailure) {
            return try RecoveryFacts(decoding: bytes)
        } catch {
            throw Refused(
                "\(against) is not what GET /v1/daemon?what=recovery of a proxy says: \(error)")
        }
    }

    private static func ask(_ endpoint: Endpoint) async throws -> [UInt8] {
        let loops = EventLoopGroup(loops: 1)
        defer { loops.shutDown() }
        let client = Client(loops)
        do {
            let response = try await client.send(
                .get, endpoint, "/v1/daemon?what=recovery",
                timeouts: Client.Timeouts(
                    connectSeconds: Limits.reachableSeconds, responseSeconds: Limits.fanOutSeconds))
            let body = try await response.collect(upTo: Limits.recoveryBodyBytes)
            await client.closeIdle()
            guard response.status == .ok else {
                throw Refused(
                    "\(endpoint) answered \(Failure(decoding: body)?.message ?? "\(response.status.rawValue)")"
                )
            }
            return body
        } catch let error as ClientError {
            throw Refused("\(endpoint) cannot be asked: \(error)")
        }
    }

    /// Refuses what this command is not for.
    static func check(
        _ generation: Generation, of clusterID: String, _ other: RecoveryFacts
    ) throws(Refused) {
        guard clusterID.isEmpty || other.clusterID == clusterID else {
            throw Refused("\(other.name) is of cluster \(other.clusterID), this of \(clusterID)")
        }
        guard other.generation < generation else {
            throw Refused(
                other.generation == generation
                    ? "\(other.name) is of the same generation, \(generation): nothing has to be undone"
                    : "\(other.name) is of generation \(other.generation), later than \(generation) here: a target "
                        + "goes over by itself; of a proxy, start it and send it PUT /v1/daemon/proxy/ID?frc=true"
            )
        }
        if let later = other.supersededBy {
            throw Refused(
                "\(other.name) has met generation \(later) already, and is left behind: that cannot be undone; "
                    + "follow the drill of a split in docs/operations.md")
        }
        guard other.isRunning, other.leader != nil else {
            throw Refused("\(other.name) hears no primary: there is no group to go back to")
        }
    }

    // MARK: A proxy

    private func leaveLog(for other: RecoveryFacts) throws -> [UInt8] {
        let (facts, order, shared) = try plan(for: other)
        guard !isPlan else {
            let path = "\(data)/\(SQLiteLog.fileName)"
            try SQLiteLog.fold(path)
            return try report(facts, order, other, shared, Branch(path: path))
        }
        // First the word to the next start, which finishes this should anything end it here.
        try order.write(in: data)
        let path = try Branch.setAside(in: data)
        return try report(facts, order, other, shared, Branch(path: path))
    }

    private func plan(
        for other: RecoveryFacts
    ) throws -> (facts: RecoveryFacts, order: RejoinOrder, shared: Index?) {
        let storage: SQLiteLog
        do throws(DatabaseError) {
            storage = try SQLiteLog(
                path: "\(data)/\(SQLiteLog.fileName)", newMember: nil)
        } catch {
            guard error.kind == .locked else { throw error }
            throw Refused("\(data) is in use: stop the proxy first (\(error))")
        }
        let recovered = try storage.load()
        let facts = try RecoveryFacts.read(storage, recovered)
        try Self.check(facts.generation, of: facts.clusterID, other)
        let own = try? Endpoint(facts.url)
        var seeds = [other.url].compactMap { try? Endpoint($0) }
        for seed in other.holdings.proxies where !seeds.contains(seed) && seed != own {
            seeds.append(seed)
        }
        guard !seeds.isEmpty else { throw Refused("\(against) names no proxy to join through") }
        let order = RejoinOrder(
            clusterID: other.clusterID, generation: other.generation, left: facts.generation,
            seeds: seeds)
        return (facts, order, Self.shared(facts, recovered.recoveries, other))
    }

    /// The last entry that both logs are known to have; `nil` when nothing here tells.
    ///
    /// Behind the recovery, equal terms prove nothing: each side has had elections of its own.
    static func shared(
        _ facts: RecoveryFacts, _ recoveries: [RecoveryRecord], _ other: RecoveryFacts
    ) -> Index? {
        guard let base = recoveries.first(where: { $0.leaves(other.generation) })?.base else {
            return nil
        }
        let last = Index(base.index)
        guard facts.base.index < last else { return last }
        var early = facts
        early.generation = other.generation
        early.runs.removeAll { $0.first > last }
        early.last = LogMark(index: last, term: Term(base.term))
        return early.common(with: other)
    }

    private func report(
        _ facts: RecoveryFacts, _ order: RejoinOrder, _ other: RecoveryFacts, _ shared: Index?,
        _ branch: Branch
    ) throws -> [UInt8] {
        let page = try branch.items(after: shared ?? .zero)
        let name = Branch.fileName(order.left, last: facts.last.index)
        var json = JSONWriter(capacity: 4_096)
        json.object { json in
            json.member("set_aside", !isPlan)
            json.member("cluster", order.clusterID)
            json.member("left", "\(order.left)")
            json.member("generation", "\(order.generation)")
            json.member("branch", isPlan ? "\(data)/\(Branch.folder)/\(name)" : branch.path)
            json.member("last", facts.last)
            json.member("shared_until", shared.map { "\($0)" })
            json.key("only_here")
            json.object { $0.value(members: facts.holdings.missing(in: other.holdings)) }
            json.member("names_left_out", facts.holdings.isPartial || other.holdings.isPartial)
            Branches.write(page, of: branch, to: &json)
            json.key("joins_through")
            json.array { json in for seed in order.seeds { json.value("\(seed)") } }
            json.member(
                "next",
                isPlan
                    ? "martlet recovery set-aside \(data) --against \(against)"
                    : "every other proxy and target of generation \(order.left) the same; then join the networks, and "
                        + "start this proxy as before: it joins as a new member")
        }
        json.newline()
        return json.bytes
    }
}
