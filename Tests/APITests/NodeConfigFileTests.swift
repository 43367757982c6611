import API
import Base
import Testing

/// The file behind `--config`.
@Suite struct NodeConfigFileTests {
    private func read(_ text: String) throws -> NodeConfigFile {
        try NodeConfigFile(decoding: Array(text.utf8))
    }

    @Test func `one file serves all roles, and each reads its own section strictly`() throws {
        let file = try read(
            #"{"log_level":"debug","proxy":{"a":1},"target":{"threads":4}}"#)
        #expect(file.logLevel == .debug)
        #expect(try file.section("target", keys: ["threads"])?.unsigned("threads") == 4)
        let code = PathTests.code { try file.section("proxy", keys: ["b"]) }
        #expect(code == .badValue)
        #expect(try read("{}").section("proxy", keys: []) == nil)
    }

    @Test(arguments: [
        ("", FailureCode.badJSON), ("{", .badJSON), ("[]", .badValue), (#"{"x":1}"#, .badValue),
        (#"{"log_level":"loud"}"#, .badValue), (#"{"log_level":3}"#, .badValue),
    ])
    func `a file that is not understood is refused`(_ text: String, _ code: FailureCode) {
        let found = PathTests.code { try read(text) }
        #expect(found == code)
    }
}
