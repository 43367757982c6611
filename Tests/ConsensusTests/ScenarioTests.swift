import FoundationEssentials
import Testing

@testable import Consensus

/// Scripts, one per row of the catalogue (docs/consensus/scenarios.md) and named after it.
///
/// `UPDATE_SCENARIOS=1 swift test --filter ScenarioTests` records the traces anew; the difference is
/// what a reviewer reads.
@Suite struct ScenarioTests {
    static let directory = String(#filePath.dropLast("ScenarioTests.swift".count)) + "Scenarios"

    static var names: [String] {
        let files = try? FileManager.default.contentsOfDirectory(atPath: directory)
        return (files ?? []).filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }.sorted()
    }

    @Test(arguments: names)
    func `a script does what it did when it was recorded`(name: String) throws {
        let path = "\(Self.directory)/\(name).txt"
        let script = try String(contentsOfFile: path, encoding: .utf8)
        let (text, complaints) = Scenario.run(script)
        #expect(complaints == [])
        #expect(script.split(separator: "\n").count <= 150)
        if ProcessInfo.processInfo.environment["UPDATE_SCENARIOS"] != nil {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            #expect(script == text)
        }
    }

    @Test func `there are scripts`() { #expect(Self.names.count > 20) }
}
