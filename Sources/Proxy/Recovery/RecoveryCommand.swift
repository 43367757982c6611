package import Base
import FoundationEssentials
import MetaStore

/// `martlet recovery`: looks at the log of a proxy that does not run.
package enum RecoveryCommand {
    package static let syntax = CommandSyntax(
        "martlet recovery",
        summary: "Looks at the log of a proxy that does not run.",
        positionals: ["ACTION", "PATH"],
        discussion: """
            'inspect PATH' prints, as JSON, what a log holds; PATH is a proxy's data directory, or a database \
            in it. A plan of a forced recovery takes that into account: POST it to \
            /v1/cluster?what=recovery_plan. The log must not be in use, and is not changed.
            """)

    /// Runs the command; the result is the exit status.
    package static func run(arguments: [String]) -> Int32 {
        let evaluation = syntax.evaluate(
            arguments,
            as: { (arguments) throws(ArgumentError) -> String in
                let action: String = try arguments.positional(0)
                guard action == "inspect" else {
                    throw .badValue(name: "ACTION", value: action, expected: "inspect")
                }
                return try arguments.positional(1)
            })
        switch evaluation {
        case .exit(let status): return status
        case .settings(let path): return inspect(path)
        }
    }

    private static func inspect(_ path: String) -> Int32 {
        do {
            let file = try database(path)
            let facts = try RecoveryFacts.read(database: file)
            Console.output(String(decoding: facts.encoded, as: UTF8.self))
            return 0
        } catch {
            Console.error("martlet recovery inspect: \(error)\n")
            return 1
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
