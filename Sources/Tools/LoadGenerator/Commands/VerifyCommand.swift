import Base

/// `martlet load verify`: is everything there that was acknowledged?
enum VerifyCommand {
    static let syntax = CommandSyntax(
        "martlet load verify",
        summary: "Looks for every bucket and object that a record file says was acknowledged, and "
            + "compares every byte.",
        options: [
            .value("url", "URL[,URL]", "Proxies; the next is asked when one does not answer."),
            .value("record", "FILE", "What an earlier run wrote with --record."),
            .value("concurrency", "N", "Workers.", default: "8"),
        ],
        discussion: "Exit status 0 when all of it is there, 4 when something is missing or wrong.")

    static func run(_ words: [String]) -> Int32 {
        let settings: (servers: [ServerAddress], record: String, concurrency: Int)
        switch syntax.evaluate(
            words,
            as: { (arguments) throws(ArgumentError) in
                let concurrency = try arguments.optional("concurrency", as: Int.self) ?? 8
                guard (1...Limits.concurrencyMax).contains(concurrency) else {
                    throw .refused("--concurrency: from 1 to \(Limits.concurrencyMax)")
                }
                return (
                    try RunCommand.servers(arguments),
                    try arguments.required("record", as: String.self), concurrency
                )
            })
        {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        do throws(RecordError) {
            let set = try AcknowledgedSet(contentsOf: settings.record)
            let result = Verification.run(
                set, servers: settings.servers, concurrency: settings.concurrency)
            for loss in result.losses.prefix(50) { Console.output("LOST \(loss)\n") }
            Console.output(
                "verified \(result.buckets) buckets and \(result.objects) objects, "
                    + "\(result.losses.count) lost\n")
            return result.losses.isEmpty ? 0 : 4
        } catch {
            Console.error("martlet load verify: \(error)\n")
            return 1
        }
    }
}
