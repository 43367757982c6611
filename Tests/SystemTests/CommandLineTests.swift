import Testing

/// The executable's words and exit statuses, which scripts rely on.
@Suite struct CommandLineTests {
    @Test(arguments: [
        "", "nonsense", "cluster", "cluster nonsense", "load nonsense", "help nonsense",
        "cluster start --proxies many", "cluster start --proxies 0", "cluster kill",
        "cluster kill a b", "cluster add", "cluster add --role neither", "cluster status --jsno",
        "load get", "load get --url ftp://x", "load put --url http://127.0.0.1:1",
        "load verify", "load syscalls", "proxy --nonsense",
        "proxy --id p --listen h:1 --data d --plan",
        "proxy --id p --listen h:1 --data d --found-from http://h:2 --found",
        "proxy --id p --listen h:1 --data d --found-from ftp://h", "target --nonsense",
        "sim --nonsense",
    ])
    func `a wrong command line is status 2 and says why`(_ words: String) throws {
        let result = try Shell.run("\(Shell.martlet) \(words)")
        #expect(result.status == 2, "\(result.output)")
        #expect(result.output.contains("Usage: martlet"), "\(result.output)")
    }

    @Test(arguments: [
        "help", "--help", "help cluster", "help proxy", "help target", "help load", "help sim",
        "cluster --help", "cluster start --help", "cluster stop --help", "cluster add --help",
        "cluster kill --help", "cluster status --help", "load get --help", "load verify --help",
        "load syscalls --help", "proxy --help", "target -h", "version",
    ])
    func `help and version are status 0`(_ words: String) throws {
        let result = try Shell.run("\(Shell.martlet) \(words)")
        #expect(result.status == 0, "\(result.output)")
        #expect(!result.output.isEmpty)
    }

    @Test func `what the world refuses is status 1 and names the place`() throws {
        for words in ["status", "stop", "kill p1", "restart p1", "add --role proxy"] {
            let result = try Shell.run("\(Shell.martlet) cluster \(words) --dir /no/such/place")
            #expect(result.status == 1, "\(words): \(result.output)")
            #expect(result.output.contains("/no/such/place"), "\(words): \(result.output)")
        }
    }

    @Test func `a directory that cannot be written is refused before anything starts`() throws {
        let result = try Shell.run("\(Shell.martlet) cluster start --detach --dir /proc/nowhere")
        #expect(result.status == 1)
        #expect(result.output.contains("/proc/nowhere"), "\(result.output)")
    }

    @Test(arguments: scripts)
    func `every script explains itself from wherever it is called`(_ script: String) throws {
        let help = try Shell.run("cd / && \(Shell.root)/ClusterScripts/\(script) --help")
        #expect(help.status == 0, "\(help.output)")
        #expect(help.output.contains("Usage: ClusterScripts/\(script)"), "\(help.output)")
    }

    @Test(.enabled(if: hasShellcheck, "shellcheck is not installed"), arguments: scripts)
    func `shellcheck has nothing to say`(_ script: String) throws {
        let check = try Shell.run("cd \(Shell.root) && shellcheck -x ClusterScripts/\(script)")
        #expect(check.status == 0, "\(check.output)")
    }

    private static let scripts = ["start", "stop", "test", "smoke", "bench", "fuzz", "contract"]

    private static var hasShellcheck: Bool {
        (try? Shell.run("command -v shellcheck").status) == 0
    }
}
