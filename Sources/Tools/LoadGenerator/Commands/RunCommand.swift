import Base

/// `martlet load WORKLOAD`.
enum RunCommand {
    static func syntax(_ workload: Workload) -> CommandSyntax {
        CommandSyntax(
            "martlet load \(workload.rawValue)", summary: workload.summary,
            options: [
                .value("url", "URL[,URL]", "Servers, used in turn."),
                .value("bucket", "NAME", "Created when it is not there.", default: "load"),
                .value("size", "SIZE", "Bytes of each object.", default: "4KiB"),
                .value("concurrency", "N", "Workers.", default: "16"),
                .value("objects", "N", "Objects to read from, or to work on.", default: "1000"),
                .value("prefix", "TEXT", "What object names begin with.", default: "o"),
                .value(
                    "duration", "DURATION", "How long.", default: "10s, unless --count is given"),
                .value("count", "N", "How many requests."),
                .flag("through-redirect", "Follow redirects: the servers are proxies."),
                .flag("direct", "The servers are targets; requests look as if redirected."),
                .flag("plain", "Any web server: /NAME instead of the cluster's paths."),
                .flag("filled", "The objects to read are there already (same --prefix, --size)."),
                .value("record", "FILE", "Append every acknowledged write to this file."),
                .flag("json", "Print the result as JSON."),
            ],
            discussion: "Exit status 0 when the run was made and every byte read was right, 1 when "
                + "it could not be made, 4 when something read was wrong.")
    }

    static func run(_ workload: Workload, _ words: [String]) -> Int32 {
        let settings: LoadSettings
        switch syntax(workload)
            .evaluate(
                words,
                as: { (arguments) throws(ArgumentError) in
                    try Self.settings(workload, arguments)
                })
        {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        do throws(LoadError) {
            let report = try LoadRun.measure(settings)
            Console.output(settings.isJSON ? report.json : report.text)
            return report.mismatches == 0 ? 0 : 4
        } catch {
            Console.error("martlet load \(workload.rawValue): \(error)\n")
            return 1
        }
    }

    private static func settings(
        _ workload: Workload, _ arguments: ParsedArguments
    ) throws(ArgumentError) -> LoadSettings {
        var settings = LoadSettings()
        settings.workload = workload
        settings.servers = try servers(arguments)
        settings.bucket = try arguments.optional("bucket") ?? settings.bucket
        settings.prefix = try arguments.optional("prefix") ?? settings.prefix
        settings.size = try arguments.optional("size", as: ByteSize.self)?.bytes ?? settings.size
        guard (0...Limits.objectBytesMax).contains(settings.size) else {
            throw .refused("--size: at most \(Limits.objectBytesMax) bytes")
        }
        settings.concurrency = try arguments.optional("concurrency", as: Int.self) ?? 16
        guard (1...Limits.concurrencyMax).contains(settings.concurrency) else {
            throw .refused("--concurrency: from 1 to \(Limits.concurrencyMax)")
        }
        settings.objects = try arguments.optional("objects", as: Int.self) ?? settings.objects
        guard settings.objects > 0 else { throw .refused("--objects: at least 1") }
        settings.count = try arguments.optional("count", as: UInt64.self)
        let duration = try arguments.optional("duration", as: Duration.self)
        settings.duration = duration ?? (settings.count == nil ? .seconds(10) : nil)
        let isDirect = arguments.has("direct")
        let isPlain = arguments.has("plain")
        if isDirect, isPlain { throw .refused("--direct and --plain exclude each other") }
        settings.addressing = isDirect ? .direct : isPlain ? .plain : .cluster
        settings.followsRedirects = arguments.has("through-redirect")
        if settings.addressing == .cluster, workload.isOfObjects, !settings.followsRedirects {
            throw .refused(
                "choose how objects are reached: --through-redirect, --direct or --plain")
        }
        settings.isFilled = arguments.has("filled")
        settings.recordPath = try arguments.optional("record")
        settings.isJSON = arguments.has("json")
        return settings
    }

    /// The list of `--url`.
    static func servers(_ arguments: ParsedArguments) throws(ArgumentError) -> [ServerAddress] {
        let text: String = try arguments.required("url")
        var servers: [ServerAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let server = ServerAddress(argument: String(part)) else {
                throw .badValue(
                    name: "--url", value: String(part), expected: ServerAddress.expectation)
            }
            servers.append(server)
        }
        return servers
    }
}
