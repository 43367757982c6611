import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import DevCluster

/// Starting, recognising and signalling processes; the "node" is a shell that waits.
@Suite struct NodeProcessTests {
    @Test func `a node is started, frozen, resumed and killed`() throws {
        try withTemporaryDirectory { path in
            let node = try start("t1", in: path)
            #expect(NodeProcess.state(of: node) == .running)
            try NodeProcess.signal(node, SIGSTOP)
            try waitUntil("it is paused") { NodeProcess.state(of: node) == .paused }
            try NodeProcess.signal(node, SIGCONT)
            try waitUntil("it runs") { NodeProcess.state(of: node) == .running }
            try NodeProcess.signal(node, SIGKILL)
            #expect(NodeProcess.waitUntilGone(node, limit: .seconds(10)))
            #expect(throws: ClusterError.notRunning("t1")) {
                try NodeProcess.signal(node, SIGTERM)
            }
        }
    }

    @Test func `a pid that belongs to somebody else is never signalled`() throws {
        try withTemporaryDirectory { path in
            let running = try start("t1", in: path)
            var other = record("t2", in: path)
            other.pid = running.pid
            #expect(NodeProcess.state(of: other) == .gone)
            #expect(throws: ClusterError.notRunning("t2")) {
                try NodeProcess.signal(other, SIGKILL)
            }
            #expect(NodeProcess.state(of: running) == .running)
            try NodeProcess.signal(running, SIGKILL)
            #expect(NodeProcess.waitUntilGone(running, limit: .seconds(10)))
        }
    }

    @Test func `output of a node goes to its log, whose tail is shown when it fails`() throws {
        try withTemporaryDirectory { path in
            var node = record("t1", in: path)
            node.pid = try NodeProcess.spawn(
                "/bin/sh", ["-c", "echo out; echo err >&2", "x", "--id", "t1", "--data", node.dir],
                node: node)
            #expect(NodeProcess.waitUntilGone(node, limit: .seconds(10)))
            #expect(LogTail.read(node.log) == "  | out\n  | err")
        }
    }

    @Test func `an executable that is not there is named`() throws {
        try withTemporaryDirectory { path in
            let node = record("t1", in: path)
            let error = #expect(throws: ClusterError.self) {
                try NodeProcess.spawn("/no/such/martlet", [], node: node)
            }
            #expect(error.map { "\($0)" }?.contains("/no/such/martlet") == true)
        }
    }

    @Test func `a port that is taken is noticed`() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var taken: UInt16?
        // Free is what it was a moment ago: another may be faster.
        for _ in 0..<100 where taken == nil {
            let base = try Ports.freeBlock(of: 1)
            var address = Ports.loopback(base)
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if bound == 0 { taken = base }
        }
        #expect(listen(descriptor, 1) == 0)
        #expect(Ports.obstacle(try #require(taken)) != nil)
    }

    private func record(_ id: String, in path: String) -> NodeRecord {
        NodeRecord(
            id: id, role: .target, url: "http://127.0.0.1:1", pid: 0, dir: "\(path)/\(id)",
            mountpaths: [], log: "\(path)/\(id).log")
    }

    private func start(_ id: String, in path: String) throws -> NodeRecord {
        var node = record(id, in: path)
        node.pid = try NodeProcess.spawn(
            "/bin/sh", ["-c", "while :; do sleep 5; done", "x", "--id", id, "--data", node.dir],
            node: node)
        #expect(NodeProcess.state(of: node) == .running)
        return node
    }
}
