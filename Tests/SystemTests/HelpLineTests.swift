import Foundation
import Testing

/// The lines of `/v1/help`, pasted into a shell as they are.
@Suite(.serialized) struct HelpLineTests {
    @Test func `every line that this version serves works, in an order that makes sense`() throws {
        try SystemCluster.with(proxies: 2, targets: 2) { cluster in
            let urls = try cluster.nodes("proxy").map(\.url)
            for url in urls + (try cluster.nodes("target").map(\.url)) {
                for row in Self.order {
                    let page = try cluster.curl("\(url)/v1/help/\(row)")
                    #expect(page.status == 200 && !page.body.contains("not served"), "\(row)")
                    let lines = page.body.split(separator: "\n").map(String.init)
                    let line = try #require(lines.last { $0.hasPrefix("curl ") }, "\(page.body)")
                    let result = try Shell.run("\(line) --fail --max-time 20 -o /dev/null")
                    #expect(result.status == 0, "\(row): \(line)\n\(result.output)")
                }
                // What is removed is what is added again.
                func command(_ row: String) throws -> String {
                    let page = try cluster.curl("\(url)/v1/help/\(row)").body
                    return String(
                        try #require(page.split(separator: "\n").last { $0.hasPrefix("curl ") }))
                }
                let removal = try command("A45")
                let path = removal.components(separatedBy: #""value":""#).last?
                    .components(separatedBy: "\"").first
                let addition = try command("A44").replacingOccurrences(
                    of: "/path/of/mountpath", with: try #require(path))
                for line in [removal, addition] {
                    let result = try Shell.run("\(line) --fail --max-time 20")
                    #expect(result.status == 0, "\(line)\n\(result.output)")
                }
                // With a majority there nothing is forced.
                let forced = try Shell.run(try command("A5"))
                #expect(forced.output.contains("quorum_reachable"), "\(forced.output)")
            }
            // What this version does not serve is said so, in the list and by the line itself.
            let all = try cluster.curl("\(urls[0])/v1/help").body
            for row in Self.unserved {
                let title = try #require(
                    all.split(separator: "\n").first { $0.hasPrefix("# \(row): ") })
                #expect(title.hasSuffix("(not served by this version)"), "\(title)")
            }
        }
    }

    /// Rows that leave the cluster as it was, each after those that it rests on. What takes nodes off, makes another primary or
    /// ends processes has tests of its own.
    private static let order =
        [
            "A14", "A22", "A24", "A26", "A19", "A20", "A21", "A25", "A23", "A29", "A15",
            "A2", "A3", "A6", "A7", "A8", "A9", "A12", "A13",
            "Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Q9", "Q10", "Q11", "Q12", "Q13",
            "A42", "A43",
        ] + (1...34).map { "M\($0)" }
    private static let unserved = ["A16", "A18", "A27", "A33", "A46"]
}
