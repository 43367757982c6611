import API
package import Base
import Cluster
import FoundationEssentials
import Glibc
import MetaStore

/// `martlet recovery`: looks at the log of a proxy that does not run, and repairs that of a last survivor.
package enum RecoveryCommand {
    package static let syntax = CommandSyntax(
        "martlet recovery",
        summary:
            "Looks at the log of a proxy or the cached state of a target that do not run, repairs a log, or sets it aside.",
        options: [
            .value(
                "truncate-at", "INDEX",
                "With repair: give up the log from this entry on, which has to be the first bad one"
            ),
            .flag(
                "give-up-newer",
                "With repair: give up as well what a later version has written and can read"),
            .flag(
                "renew-state",
                "With repair: give up the stored state, which cannot be read, and have it again from the log, or from the other proxies"
            ),
            .value(
                "against", "URL|FILE",
                "With set-aside: a proxy of the group that goes on, or a file with what GET /v1/daemon?what=recovery says there"
            ),
            .flag("plan", "With set-aside: print what would be done, and change nothing"),
        ],
        positionals: ["ACTION", "PATH"],
        discussion: """
            'inspect PATH' prints, as JSON, what a log holds; PATH is a proxy's data directory, or a database \
            in it, or a target's data directory, or a cached state from it. A plan of a forced recovery takes that into account: POST it to \
            /v1/cluster?what=recovery_plan. Nothing that the log says is changed.

            'repair DIR' is for a proxy whose start has set its log aside because entries of it are damaged, while no majority \
            of the others is left to have it from, and for one proxy of a group in which none can read an entry of the log (log_unreadable). Stop the proxy \
            first. It prints where the trouble begins and what is lost when the log is cut there; with \
            --truncate-at, it does so, and the proxy goes on alone as a new generation of the cluster. The log as it was is \
            kept under branches/. What a later version has written is given up only with --give-up-newer besides: that version can read it. \
            Where the stored state cannot be read, it says from where the state can be had again, and --renew-state does so: worked out from \
            the log when that goes back to its beginning; else the proxy's next start takes everything from the others.

            'set-aside DIR' undoes a forced recovery that was wrong: the majority lives after all, and went on. Keep the two sides apart, stop the \
            proxies and targets that took part in the recovery, and run it for the data directory of each. What a proxy has is \
            kept under branches/, and listed as far as the others lack it; its next start joins them as a new member. A target \
            keeps its objects, and follows the others again.
            """)

    private enum Action {
        case inspect(String)
        case repair(RecoveryRepair)
        case setAside(RecoverySetAside)
    }

    /// Runs the command; the result is the exit status.
    package static func run(arguments: [String]) async -> Int32 {
        let evaluation = syntax.evaluate(
            arguments,
            as: { (arguments) throws(ArgumentError) -> Action in
                let (action, path): (String, String) = (
                    try arguments.positional(0), try arguments.positional(1)
                )
                try refuseOptions(of: action, arguments)
                switch action {
                case "inspect": return .inspect(path)
                case "repair":
                    let index = try arguments.optional("truncate-at", as: UInt64.self)
                    guard index == nil || !arguments.has("renew-state") else {
                        throw .refused("--renew-state first, and then --truncate-at if need be")
                    }
                    return .repair(
                        RecoveryRepair(
                            data: path, consent: index,
                            givesUpNewer: arguments.has("give-up-newer"),
                            renewsState: arguments.has("renew-state")))
                case "set-aside":
                    return .setAside(
                        RecoverySetAside(
                            data: path, against: try arguments.required("against"),
                            isPlan: arguments.has("plan")))
                default:
                    throw .badValue(
                        name: "ACTION", value: action, expected: "inspect, repair or set-aside")
                }
            })
        switch evaluation {
        case .exit(let status): return status
        case .settings(.inspect(let path)): return inspect(path)
        case .settings(.repair(let repair)): return await self.repair(repair)
        case .settings(.setAside(let setAside)):
            do {
                Console.output(String(decoding: try await setAside.run(), as: UTF8.self))
                return 0
            } catch {
                Console.error("martlet recovery set-aside: \(error)\n")
                return 1
            }
        }
    }

    private static func refuseOptions(
        of action: String, _ arguments: ParsedArguments
    ) throws(ArgumentError) {
        let owners = [
            "truncate-at": "repair", "give-up-newer": "repair", "renew-state": "repair",
            "against": "set-aside", "plan": "set-aside",
        ]
        for (option, owner) in owners.sorted(by: { $0.key < $1.key })
        where owner != action && arguments.has(option) {
            throw .refused("--\(option) belongs to \(owner)")
        }
    }

    private static func repair(_ repair: RecoveryRepair) async -> Int32 {
        do {
            _ = try database(repair.data)
            Console.output(String(decoding: try await repair.run(), as: UTF8.self))
            return 0
        } catch {
            Console.error("martlet recovery repair: \(error)\n")
            return 1
        }
    }

    private static func inspect(_ path: String) -> Int32 {
        do {
            if let cached = try cachedState(path) {
                Console.output(String(decoding: cached.encoded, as: UTF8.self))
                return 0
            }
            let file = try database(path)
            let facts = try RecoveryFacts.read(database: file)
            Console.output(String(decoding: facts.encoded, as: UTF8.self))
            return 0
        } catch {
            Console.error("martlet recovery inspect: \(error)\n")
            return 1
        }
    }

    /// What a target has left at a path; `nil` when that is no target's.
    private static func cachedState(_ path: String) throws -> CachedStateDocument? {
        let files = FileManager.default
        var isDirectory = false
        guard files.fileExists(atPath: path, isDirectory: &isDirectory) else { return nil }
        if isDirectory {
            let hasState = files.fileExists(atPath: "\(path)/\(CachedStateFile.fileName)")
            let hasLog = files.fileExists(atPath: "\(path)/\(SQLiteLog.fileName)")
            guard hasState, !hasLog else { return nil }
        } else {
            guard CachedStateFile.begins(beginning(of: path)) else { return nil }
        }
        let witness = try FoundingSurvey.witness(at: path)
        var document = CachedStateDocument()
        if let cached = witness.cached { document.describe(cached) }
        document.followed = witness.followed
        document.bytes = witness.byteCount
        return document
    }

    /// The first bytes of a file, as far as it can be read.
    private static func beginning(of path: String) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        return [UInt8](unsafeUninitializedCapacity: 8) { buffer, count in
            count = max(0, read(file, buffer.baseAddress, 8))
        }
    }

    /// Opening would make what is not there.
    private static func database(_ path: String) throws(NoLog) -> String {
        var isDirectory: Bool = false
        let files = FileManager.default
        guard files.fileExists(atPath: path, isDirectory: &isDirectory) else { throw NoLog(path) }
        let file = isDirectory ? "\(path)/\(SQLiteLog.fileName)" : path
        guard files.fileExists(atPath: file) else { throw NoLog(file) }
        return file
    }

    private struct NoLog: Error, CustomStringConvertible {
        let path: String
        init(_ path: String) { self.path = path }
        var description: String { "there is no \(path)" }
    }
}
