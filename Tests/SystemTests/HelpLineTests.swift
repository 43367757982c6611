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

    /// Rows that leave the cluster as it was. Membership, primaries, shutdown and mountpaths have tests of their own.
    private static let order = [
        "A14", "A22", "A24", "A26", "A19", "A20", "A21", "A25", "A23", "A29", "A15",
        "A2", "A3", "A5", "A6", "A7", "A8", "A9", "A12", "A13",
        "Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Q9", "Q10", "Q11", "Q12", "Q13",
    ]
    private static let unserved = ["A16", "A18", "A27", "A33", "A46"]
}
