import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import Glibc
import MetaStore

/// At a target: what it has cached of the later generation is set aside, and it may follow the older one again.
extension RecoverySetAside {
    func leaveFollowing(of other: RecoveryFacts) throws -> [UInt8] {
        let lock = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw DurableFile.Failed(data, errno) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Refused("\(data) is in use: stop the target first")
        }
        let witness = try? FoundingSurvey.witness(at: data)
        var record = try Self.record(in: data)
        let left = Position(record.position).generation
        try Self.check(left, of: record.clusterID, other)
        let branch = try setCacheAside(left, witness?.cached)
        if !isPlan {
            // Last: until this is there, the same command does the rest.
            (record.generation, record.nonce) = (other.generation.counter, other.generation.nonce)
            try DurableFile.replace(ClusterRecord.fileName, in: data, with: record.encoded)
        }
        return report(left, other, branch, witness?.cached)
    }

    private static func record(in data: String) throws -> ClusterRecord {
        let path = "\(data)/\(ClusterRecord.fileName)"
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Refused("\(path) cannot be read")
        }
        do throws(DecodingFailure) {
            return try ClusterRecord(decoding: Array(bytes))
        } catch {
            throw Refused("\(path) is damaged: \(error)")
        }
    }

    /// Moves the cached state, whatever it is worth, out of the way.
    ///
    /// - Returns: where it is then; `nil` when there is none.
    private func setCacheAside(_ left: Generation, _ cached: CachedState?) throws -> String? {
        let source = "\(data)/\(CachedStateFile.fileName)"
        guard access(source, F_OK) == 0 else { return nil }
        let folder = "\(data)/\(Branch.folder)"
        let stem = Branch.fileName(left, last: Index(cached?.state.position.index ?? 0)).dropLast(3)
        var target = "\(folder)/\(stem).state"
        var copies = 1
        while access(target, F_OK) == 0 {
            copies += 1
            target = "\(folder)/\(stem)-\(copies).state"
        }
        guard !isPlan else { return target }
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST else {
            throw DurableFile.Failed(folder, errno)
        }
        guard rename(source, target) == 0 else { throw DurableFile.Failed(source, errno) }
        try DurableFile.flush(folder)
        try DurableFile.flush(data)
        return target
    }

    private func report(
        _ left: Generation, _ other: RecoveryFacts, _ branch: String?, _ cached: CachedState?
    ) -> [UInt8] {
        let holdings = cached.map { Holdings($0.state) } ?? Holdings()
        var json = JSONWriter(capacity: 1_024)
        json.object { json in
            json.member("set_aside", !isPlan)
            json.member("cluster", other.clusterID)
            json.member("left", "\(left)")
            json.member("generation", "\(other.generation)")
            json.member("branch", branch)
            json.member("last", cached?.state.position.text)
            json.key("only_here")
            json.object { $0.value(members: holdings.missing(in: other.holdings)) }
            json.member("names_left_out", holdings.isPartial || other.holdings.isPartial)
            json.member(
                "next",
                isPlan
                    ? "martlet recovery set-aside \(data) --against \(against)"
                    : "start this target as before; directories of buckets that only generation \(left) had stay where they "
                        + "are, out of service: GET /v1/daemon?what=kept lists them")
        }
        json.newline()
        return json.bytes
    }
}
