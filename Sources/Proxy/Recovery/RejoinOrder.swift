import API
import Base
import Consensus
import FoundationEssentials
import HTTP
import MetaStore

/// Word to the next start of this proxy, in its data directory: set the log aside as a branch, and join anew.
///
/// It is written before anything else is done, so whatever ends this process, the next one goes on where it was:
/// 1. The log is of the generation to leave, or of another one before that to join: it is set aside.
/// 2. There is no log, or one that has joined nothing: the proxies named here are joined.
/// 3. The log is of the generation to join, or a later one: the order is carried out, and goes away.
///
/// The generation to leave is the later of the two when a wrong recovery is undone (``RecoverySetAside``).
struct RejoinOrder: Equatable, Sendable {
    private static let fileName = "rejoin"
    private static let bytesMax = 64 << 10

    var clusterID: String
    /// The generation to join, and that which is left.
    var generation: Generation
    var left: Generation
    /// Proxies to join through.
    var seeds: [Endpoint]

    struct Damaged: Error, CustomStringConvertible {
        let path: String
        let reason: String
        var description: String { "\(path) cannot be used: \(reason)" }
    }

    // MARK: The file

    /// Makes it durable; to be called where blocking is allowed.
    func write(in data: String) throws {
        var json = JSONWriter()
        json.object { json in
            json.member("cluster", clusterID)
            json.member("generation", "\(generation)")
            json.member("left", "\(left)")
            json.key("seeds")
            json.array { json in for seed in seeds { json.value("\(seed)") } }
        }
        json.newline()
        try DurableFile.replace(Self.fileName, in: data, with: json.bytes)
    }

    /// - Returns: `nil` when there is none.
    static func read(in data: String) throws -> RejoinOrder? {
        let path = "\(data)/\(fileName)"
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        do throws(DecodingFailure) {
            guard bytes.count <= bytesMax else { throw DecodingFailure("too large", at: 0) }
            return try RejoinOrder(decoding: Array(bytes))
        } catch {
            throw Damaged(path: path, reason: error.description)
        }
    }

    private init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        let reader = try FactsReader(try JSONValue(parsing: bytes), "an order to rejoin")
        var seeds: [Endpoint] = []
        for json in try reader.list("seeds") {
            guard let seed = json.string.flatMap({ try? Endpoint($0) }) else {
                throw DecodingFailure("a seed is no URL", at: 0)
            }
            seeds.append(seed)
        }
        self.init(
            clusterID: try reader.text("cluster"), generation: try reader.generation("generation"),
            left: try reader.generation("left"), seeds: seeds)
    }

    init(clusterID: String, generation: Generation, left: Generation, seeds: [Endpoint]) {
        self.clusterID = clusterID
        self.generation = generation
        self.left = left
        self.seeds = seeds
    }

    static func remove(in data: String) throws {
        try DurableFile.remove(fileName, in: data)
    }

    // MARK: The start

    /// What a start has to do about an order, given the generation of the log that is there; `nil` without a log.
    enum Step: Equatable {
        case setAside
        case join
        case done
    }

    func step(_ present: Generation?) -> Step {
        guard let present, present != .none else { return .join }
        return present == left || present < generation ? .setAside : .done
    }

    /// Carries out what the last process was told, before the log is opened.
    ///
    /// - Returns: the proxies to join through, instead of those of the command line; `nil` when there is nothing to join.
    /// - Throws: when the log cannot be set aside: the proxy then does not start.
    static func resume(in data: String, _ log: Logger) throws -> [Endpoint]? {
        guard let order = try read(in: data) else { return nil }
        let path = "\(data)/\(SQLiteLog.fileName)"
        let isThere = FileManager.default.fileExists(atPath: path)
        let present = isThere ? try RecoveryFacts.read(database: path).generation : nil
        switch order.step(present) {
        case .setAside:
            let branch = try Branch.setAside(in: data)
            log.warning("the log of generation \(order.left) lies in \(branch) from here on")
            return order.seeds
        case .join: return order.seeds
        case .done:
            try remove(in: data)
            return nil
        }
    }
}
