import API
import Base
import Cluster
import Glibc
import HTTP

/// What a target is started with: the command line, and the node settings of `--config`.
struct TargetSettings: Sendable {
    var id: NodeID
    var host: String
    /// 0 takes any free port; tests do.
    var port: Int
    var dataPath: String
    var mountpaths: [String]
    /// Whether mountpaths may lie on one filesystem: for tests, and for trying things out.
    var sharesFilesystem = false
    var joins: [Endpoint]
    var node = NodeSettings()
}

/// Settings of one node, as the file of `--config` has them. Nothing in here is about the cluster.
struct NodeSettings: Equatable, Sendable {
    var logLevel = Logger.Level.info
    /// Threads for durable commits; `nil` is as many as suit the mountpaths (``TargetLimits/commitThreads(on:)``).
    var poolThreads: Int?
    /// Threads for opens, writes and renames: twice the cores, and no fewer than four for what does hit the disk.
    var quickThreads = max(4, 2 * Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Threads for listings.
    var scanThreads = 4
    /// Objects kept open for the next reader; each is a descriptor.
    var openObjects = 8_192
    /// Event loops; 0 is one per core.
    var loops = 0

    init() {}

    private static let keys = [
        "pool_threads", "quick_threads", "scan_threads", "open_objects", "loops",
    ]

    /// Reads the section `target` of a file that may serve all nodes of a cluster.
    init(decoding bytes: [UInt8]) throws(Failure) {
        let file = try NodeConfigFile(decoding: bytes)
        logLevel = file.logLevel
        guard let value = try file.section("target", keys: Self.keys) else { return }
        poolThreads = try Self.number(value, "pool_threads", 1...256) ?? poolThreads
        quickThreads = try Self.number(value, "quick_threads", 1...256) ?? quickThreads
        scanThreads = try Self.number(value, "scan_threads", 1...64) ?? scanThreads
        openObjects = try Self.number(value, "open_objects", 0...1_000_000) ?? openObjects
        loops = try Self.number(value, "loops", 0...256) ?? loops
    }

    private static func number(
        _ value: ActionValue, _ key: String, _ range: ClosedRange<Int>
    ) throws(Failure) -> Int? {
        guard let number = try value.unsigned(key, as: Int.self) else { return nil }
        guard range.contains(number) else {
            throw Failure(
                .badValue,
                "'target.\(key)' is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
