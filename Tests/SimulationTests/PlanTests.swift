import FoundationEssentials
import Simulation
import Testing

/// Plans that once failed, made small and kept. `# finds: NAME` says which defect each shows; with the
/// defect planted it must still fail, and without it hold.
@Suite struct PlanTests {
    static let directory = String(#filePath.dropLast("PlanTests.swift".count)) + "Plans"

    static var names: [String] {
        let files = try? FileManager.default.contentsOfDirectory(atPath: directory)
        return (files ?? []).filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(arguments: names) func `a kept plan shows its defect and nothing else`(
        name: String
    ) throws {
        let text = try String(contentsOfFile: "\(Self.directory)/\(name)", encoding: .utf8)
        let plan = try #require(Plan(text: text))
        let first = try #require(text.split(separator: "\n").first)
        let defect = try #require(Defect(name: String(first.dropFirst("# finds: ".count))))
        #expect(try Campaign.run(plan).violation == nil)
        #expect(try Campaign.run(plan, defect: defect).violation != nil)
    }
}
