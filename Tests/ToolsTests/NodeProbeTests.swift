import Testing

@testable import DevCluster

/// Reading a node's answer, which may be any bytes at all.
@Suite struct NodeProbeTests {
    @Test func `status and body are taken apart`() throws {
        let bytes = Array("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nhi".utf8)
        let reply = try #require(NodeProbe.reply(bytes))
        #expect(reply.status == 503)
        #expect(reply.body == Array("hi".utf8))
    }

    @Test func `chunks are put together`() throws {
        let bytes = Array(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
                .utf8)
        #expect(NodeProbe.reply(bytes)?.body == Array("abcde".utf8))
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n",
    ])
    func `an answer that is not one is no answer`(_ text: String) {
        #expect(NodeProbe.reply(Array(text.utf8)) == nil)
    }

    @Test func `a port where nobody listens is no answer`() throws {
        let port = try Ports.freeBlock(of: 1)
        #expect(NodeProbe.get("/v1/health", port: port) == nil)
    }

    @Test func `what is missing for readiness is said node by node`() {
        let first = report("p1", ready: true, primary: "p1", members: ["p1", "p2"])
        let behind = report("p2", ready: true, primary: "p1", members: ["p2"])
        let divided = report("p2", ready: true, primary: "p2", members: ["p1", "p2"])
        let silent = report("p2", ready: false, primary: nil, members: [])
        #expect(Readiness(reports: [first, behind]).missing == ["p2: its map lacks p1"])
        #expect(
            Readiness(reports: [first, divided]).missing == ["p2: it takes p2 for the primary"])
        #expect(Readiness(reports: [first, silent]).missing == ["p2: no answer"])
        let others = [report("p1", ready: true, primary: "p1", members: ["p1", "p2"])]
        #expect(Readiness(reports: [silent] + others).missing == ["p2: no answer"])
        #expect(
            Readiness(reports: [report("p1", ready: true, primary: "p1", members: ["p1"])]).missing
                .isEmpty)
    }

    private func report(
        _ id: String, ready: Bool, primary: String?, members: Set<String>
    ) -> NodeReport {
        let node = NodeRecord(
            id: id, role: .proxy, url: "http://127.0.0.1:1", pid: 1, dir: "/d", mountpaths: [],
            log: "/l")
        return NodeReport(
            node: node, isAlive: true, isPaused: false, isReady: ready,
            reason: ready ? nil : "no answer", primary: primary, mapVersion: nil,
            bucketsVersion: nil, members: members)
    }
}
