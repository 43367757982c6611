import Base
import Testing

/// Reading command lines: what operators may write, and what they are told when it is wrong.
@Suite struct CommandSyntaxTests {
    let syntax = CommandSyntax(
        "martlet target", summary: "Runs a target.",
        options: [
            .value("id", "ID", "The node's name."),
            .value("base-port", "PORT", "First port.", default: "8080"),
            .repeated("mountpath", "DIR", "Where objects are stored."),
            .flag("detach", "Return when ready."),
        ],
        positionals: ["NODE"])

    @Test func `a value may follow its flag or an equals sign`() throws {
        let apart = try syntax.parse(["--id", "t1"])
        let joined = try syntax.parse(["--id=t1"])
        #expect(try apart.required("id") == "t1")
        #expect(try joined.required("id") == "t1")
    }

    @Test func `repeated flags keep their order and positionals stand anywhere`() throws {
        let parsed = try syntax.parse(["--mountpath", "/a", "p2", "--mountpath=/b", "--detach"])
        #expect(try parsed.all("mountpath") == ["/a", "/b"])
        #expect(try parsed.positional(0) == "p2")
        #expect(parsed.has("detach"))
    }

    @Test func `a value after an equals sign may hold dashes and equals signs`() throws {
        let parsed = try syntax.parse(["--id=--a=b"])
        #expect(try parsed.required("id") == "--a=b")
    }

    @Test func `words after two dashes are never flags`() throws {
        let parsed = try syntax.parse(["--", "--id"])
        #expect(try parsed.positional(0) == "--id")
    }

    @Test(arguments: [
        (["--idd", "x"], "unknown flag --idd; did you mean --id?"),
        (["--frobnicate"], "unknown flag --frobnicate"),
        (["-v"], "unknown flag -v"),
        (["--id"], "--id needs a value: --id ID"),
        (["--id", "--detach"], "--id needs a value: --id ID"),
        (["--detach=yes"], "--detach takes no value, but was given \"yes\""),
        (["--id", "a", "--id", "b"], "--id was given more than once"),
        (["a", "b"], "unexpected argument \"b\""),
    ])
    func `a wrong line is named, not guessed at`(_ words: [String], _ message: String) {
        let error = #expect(throws: ArgumentError.self) { try syntax.parse(words) }
        #expect(error.map { "\($0)" } == message)
    }

    @Test func `a value of the wrong form says what was expected`() throws {
        let parsed = try syntax.parse(["--base-port", "many"])
        let error = #expect(throws: ArgumentError.self) {
            try parsed.optional("base-port", as: UInt16.self)
        }
        #expect(
            error.map { "\($0)" }
                == "--base-port: \"many\" is not a whole number from 0 to 65535")
    }

    @Test func `a missing flag or word is named with its placeholder`() throws {
        let parsed = try syntax.parse([])
        let flag = #expect(throws: ArgumentError.self) { try parsed.required("id") }
        let word = #expect(throws: ArgumentError.self) { try parsed.positional(0) }
        #expect(flag.map { "\($0)" } == "--id ID is missing")
        #expect(word.map { "\($0)" } == "NODE is missing")
    }

    @Test func `help wins over everything that is wrong after it`() throws {
        #expect(try syntax.parse(["--help", "--nonsense"]).asksForHelp)
        #expect(try syntax.parse(["-h"]).asksForHelp)
    }

    @Test func `help lists every flag with its default`() {
        let help = syntax.help
        #expect(help.hasPrefix("Usage: martlet target [flags] NODE\n"))
        #expect(help.contains("--base-port PORT"))
        #expect(help.contains("First port. (default: 8080)"))
        #expect(help.contains("(may be repeated)"))
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("2h", .seconds(7200)),
        ("7us", .microseconds(7)),
    ])
    func `durations carry their unit`(_ text: String, _ expected: Duration) {
        #expect(Duration(argument: text) == expected)
    }

    @Test(arguments: ["", "30", "s", "-1s", "1.5s", "30 s", "99999999999999999999s"])
    func `a duration without a plain number and unit is refused`(_ text: String) {
        #expect(Duration(argument: text) == nil)
    }

    @Test(arguments: [("4096", 4096), ("4KiB", 4096), ("4k", 4096), ("1MiB", 1_048_576), ("0", 0)])
    func `sizes are in powers of two`(_ text: String, _ bytes: Int) {
        #expect(ByteSize(argument: text)?.bytes == bytes)
    }

    @Test(arguments: ["", "k", "-1", "1.5k", "4TB", "9223372036854775807k"])
    func `a size that is not one is refused`(_ text: String) {
        #expect(ByteSize(argument: text) == nil)
    }
}
