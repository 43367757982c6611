import API
import Base
import Cluster
import HTTP
import Testing

/// Joining: what a node sends and what it is told.
@Suite struct JoinTests {
    private func node() throws -> Node {
        Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "10.0.0.5", port: 8083)))
    }

    @Test func `a request and its reply survive the wire`() throws {
        let node = try node()
        let request = JoinRequest(node: node, clusterID: "abc")
        #expect(try JoinRequest(decoding: request.encoded) == request)
        let reply = JoinReply(
            clusterID: "abc", position: LogPosition(generation: 1, nonce: 9, term: 2, index: 7))
        #expect(try JoinReply(decoding: reply.encoded) == reply)
    }

    @Test func `AIStore's own body is read, and a cluster that is not named is none`() throws {
        let body = """
            {"smap":null,"bmd":null,"reb":false,"si":{"public_net":{"node_ip_addr":"10.0.0.5",
            "daemon_port":"8083","direct_url":""},"daemon_type":"target","daemon_id":"t1","flags":0}}
            """
        let request = try JoinRequest(decoding: Array(body.utf8))
        #expect(try request == JoinRequest(node: node(), clusterID: ""))
    }

    @Test(arguments: ["", "{}", "[]", #"{"uuid":"","position":"1-2-3-4"}"#, #"{"uuid":"a"}"#])
    func `what is not a reply is refused`(_ body: String) {
        #expect(throws: DecodingFailure.self) { try JoinReply(decoding: Array(body.utf8)) }
    }

    @Test func `what the HTTP layer refuses keeps its status and its word`() {
        let failure = Failure(RequestError(.uriTooLong, "target_too_long", "too long"))
        #expect(failure.status == 414 && failure.code == .badRequest)
        #expect(failure.answer.status == .uriTooLong && failure.cause == "target_too_long")
        #expect(!failure.answer.headers.contains { $0.name == "Content-Type" })
    }
}
