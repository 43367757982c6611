import FoundationEssentials
import TestSupport
import Testing

@testable import DevCluster

/// The files a local cluster is described by.
@Suite struct ClusterDirectoryTests {
    @Test func `cluster.json has exactly the fields scripts rely on`() throws {
        try withTemporaryDirectory { path in
            let directory = try ClusterDirectory(creating: path)
            var plan = ClusterPlan()
            (plan.proxies, plan.targets, plan.basePort) = (1, 1, 9000)
            try directory.save(ClusterFile(nodes: plan.nodes(in: directory)))
            let written = try #require(
                FileManager.default.contents(atPath: directory.clusterFilePath))
            let root = directory.path
            #expect(
                String(decoding: written, as: UTF8.self) == """
                    {
                      "nodes" : [
                        {
                          "dir" : "\(root)/p1",
                          "id" : "p1",
                          "log" : "\(root)/logs/p1.log",
                          "mountpaths" : [

                          ],
                          "pid" : 0,
                          "role" : "proxy",
                          "url" : "http://127.0.0.1:9000"
                        },
                        {
                          "dir" : "\(root)/t1",
                          "id" : "t1",
                          "log" : "\(root)/logs/t1.log",
                          "mountpaths" : [
                            "\(root)/mountpaths/t1/mp1",
                            "\(root)/mountpaths/t1/mp2"
                          ],
                          "pid" : 0,
                          "role" : "target",
                          "url" : "http://127.0.0.1:9001"
                        }
                      ]
                    }
                    """)
            #expect(try directory.load() == ClusterFile(nodes: plan.nodes(in: directory)))
        }
    }

    @Test func `a directory without a cluster says how to start one`() throws {
        try withTemporaryDirectory { path in
            let directory = try ClusterDirectory(existing: path)
            let error = #expect(throws: ClusterError.self) { try directory.nodes() }
            #expect(error.map { "\($0)" }?.contains("martlet cluster start --dir") == true)
        }
    }

    @Test func `a damaged cluster.json is reported, not replaced`() throws {
        try withTemporaryDirectory { path in
            let directory = try ClusterDirectory(creating: path)
            try Data("{\"nodes\":[{]}".utf8).write(to: URL(filePath: directory.clusterFilePath))
            #expect(throws: ClusterError.self) { try directory.nodes() }
            #expect(throws: ClusterError.self) { try directory.update { _ in } }
            let kept = FileManager.default.contents(atPath: directory.clusterFilePath)
            #expect(kept == Data("{\"nodes\":[{]}".utf8))
        }
    }

    @Test func `proxies take the first ports and targets the following ones`() throws {
        try withTemporaryDirectory { path in
            var plan = ClusterPlan()
            plan.basePort = 9100
            let nodes = try plan.nodes(in: ClusterDirectory(creating: path))
            #expect(nodes.map(\.id) == ["p1", "p2", "p3", "t1", "t2", "t3"])
            #expect(nodes.map(\.port) == [9100, 9101, 9102, 9103, 9104, 9105])
        }
    }

    @Test func `ports past the end of the range are refused`() throws {
        try withTemporaryDirectory { path in
            var plan = ClusterPlan()
            plan.basePort = 65_533
            let directory = try ClusterDirectory(creating: path)
            #expect(throws: ClusterError.noFreePorts(count: 6)) { try plan.nodes(in: directory) }
        }
    }

    @Test func `only the founding start founds, every other joins the other proxies`() {
        let node = NodeRecord(
            id: "p1", role: .proxy, url: "http://127.0.0.1:9000", pid: 0, dir: "/d/p1",
            mountpaths: [], log: "/d/logs/p1.log")
        let others = ["http://127.0.0.1:9001", "http://127.0.0.1:9002"]
        let first = node.arguments(founding: true, joining: others, config: nil)
        let later = node.arguments(founding: false, joining: others, config: "/c")
        #expect(
            first
                == [
                    "proxy", "--id", "p1", "--listen", "127.0.0.1:9000", "--data", "/d/p1",
                    "--found",
                ])
        #expect(later.suffix(4) == ["--join", others.joined(separator: ","), "--config", "/c"])
        #expect(!later.contains("--found"))
    }
}
