import API
import Base
import Cluster
import Testing

/// `/v1/help`: curl lines for a cluster (contract §1).
@Suite struct HelpTests {
    @Test func `every row of the contract is there, once`() {
        let expected =
            (1...46).map { "A\($0)" } + (1...13).map { "Q\($0)" } + (1...34).map { "M\($0)" }
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
                #expect(!line.contains("{smap") && !line.contains("{mountpath"), "\(line)")
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

    @Test func `lines of mountpaths name one that there is`() throws {
        let node = try Self.node("t1", .target, 8083)
        func line(
            _ mountpath: String?, _ row: String, disabled: String? = nil
        ) throws -> String {
            try HelpPage(
                map: try Self.map(), node: node, mountpath: mountpath, disabled: disabled
            ).text(for: [row])
        }
        for row in ["A42", "A43", "A45"] {
            #expect(HelpPage.namesMountpath([row]))
            #expect(try line("/disks/1", row).contains(#""value":"/disks/1"}'"#))
            // What a shell or JSON would take for something else is not shown.
            for path in [nil, "/it's", #"/a"b"#, #"/a\b"#, "/{bucket}"] {
                #expect(try line(path, row).contains("/path/of/mountpath"))
            }
        }
        // What is enabled is one that is disabled, and what is added is none yet.
        #expect(try line("/disks/1", "A43", disabled: "/disks/2").contains("/disks/2"))
        #expect(try line("/disks/1", "A42", disabled: "/disks/2").contains("/disks/1"))
        #expect(try line("/disks/1", "A44").contains("/path/of/mountpath"))
        #expect(HelpPage.namesMountpath([]) && !HelpPage.namesMountpath(["A1"]))
    }

    @Test func `what a line does is what it says, but where it says that it is a dry run`() {
        for row in HelpRow.all {
            #expect(row.title.contains("(dry run)") == row.path.contains("dry_run"), "\(row.id)")
        }
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
