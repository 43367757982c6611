import API
import Base
import Cluster
import Testing

/// `/v1/help`: curl lines for a cluster (contract §1).
@Suite struct HelpTests {
    @Test func `every row of the contract is there, once`() {
        let expected = (1...46).map { "A\($0)" } + (1...13).map { "Q\($0)" }
        #expect(HelpRow.all.map(\.id).sorted() == expected.sorted())
    }

    @Test func `a line names nodes of this cluster, whoever is asked`() throws {
        for node in try Self.map().nodes.values {
            let page = HelpPage(map: try Self.map(), node: node)
            for row in HelpRow.all {
                let line = page.line(of: row)
                // What is left in braces is JSON, or a range of names.
                #expect(!line.contains("{target") && !line.contains("{other"), "\(line)")
                #expect(!line.contains("{bucket") && !line.contains("{object}"), "\(line)")
                #expect(line.split(separator: "'", omittingEmptySubsequences: false).count % 2 == 1)
            }
            #expect(try page.text(for: ["a1"]).contains("/v1/cluster/daemon/t1"))
            #expect(try page.text(for: ["A4"]).contains("/v1/cluster/proxy/p2"))
        }
        let proxy = HelpPage(map: try Self.map(), node: try Self.node("p2", .proxy, 8081))
        #expect(try proxy.text(for: ["Q1"]).contains("'http://127.0.0.1:8081/v1/daemon?what=smap'"))
        let target = HelpPage(map: try Self.map(), node: try Self.node("t1", .target, 8083))
        #expect(
            try target.text(for: ["Q1"]).contains("'http://127.0.0.1:8080/v1/daemon?what=smap'"))
    }

    @Test func `a row that does not exist is said so`() throws {
        let page = HelpPage(map: ClusterMap(), node: try Self.node("p1", .proxy, 8080))
        for path in [["A47"], ["A1", "x"], ["?"]] {
            #expect(throws: Failure.self) { try page.text(for: path) }
        }
    }

    private static func map() throws -> ClusterMap {
        var state = ClusterState()
        var index: UInt64 = 0
        func record(_ command: Command) {
            index += 1
            var changes: [StateRow.Change] = []
            _ = state.apply(
                LogRecord(command, actor: "test"),
                at: LogPosition(generation: 1, nonce: 0, term: 1, index: index),
                time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        record(
            .found(
                clusterID: "c", founder: try node("p1", .proxy, 8080), generation: 1, nonce: 0))
        record(.setNode(try node("p2", .proxy, 8081)))
        record(.setNode(try node("t1", .target, 8083)))
        index += 1
        var changes: [StateRow.Change] = []
        _ = state.applyLeader(
            member: 8080, at: LogPosition(generation: 1, nonce: 0, term: 1, index: index),
            changes: &changes)
        return state.map
    }

    private static func node(_ id: String, _ role: NodeRole, _ port: UInt16) throws -> Node {
        Node(
            id: try #require(NodeID(id)), role: role,
            address: try #require(NodeAddress(host: "127.0.0.1", port: port)),
            member: UInt64(port))
    }
}
