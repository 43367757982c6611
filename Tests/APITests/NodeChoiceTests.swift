import API
import Cluster
import Testing

/// `sid` and `sids`: which nodes a request is about.
@Suite struct NodeChoiceTests {
    private static func choice(_ json: String) throws(Failure) -> NodeChoice {
        guard let json = try? JSONValue(parsing: Array(json.utf8)),
            let value = try ActionValue(json, keys: ["sid", "sids"])
        else { throw Failure(.badJSON, json) }
        return try NodeChoice(value, form: "say it so")
    }

    @Test(arguments: [
        (#"{"sid":"t1"}"#, ["t1"]), (#"{"sids":["t2","t1"]}"#, ["t2", "t1"]),
        (#"{"sid":"t1","sids":["t1"]}"#, ["t1"]), (#"{"sid":"t1","sids":null}"#, ["t1"]),
        (#"{"sid":"","sids":["a:1"]}"#, ["a:1"]),
    ])
    func `nodes are those named, in their order`(_ json: String, _ ids: [String]) throws {
        #expect(try Self.choice(json).ids.map(\.text) == ids)
    }

    @Test(arguments: [
        (#"{}"#, FailureCode.badValue, "does not name a node"),
        (#"{"sid":""}"#, .badValue, "does not name a node"),
        (#"{"sid":7}"#, .badValue, "not a text"),
        (#"{"sid":"a b"}"#, .badNode, "'a b'"),
        (#"{"sids":[]}"#, .badValue, "names no node"),
        (#"{"sids":"t1"}"#, .badValue, "not a list of texts"),
        (#"{"sids":["t1",7]}"#, .badValue, "not a list of texts"),
        (#"{"sids":["t1",""]}"#, .badNode, "''"),
        (#"{"sids":["t1","t2","t1"]}"#, .badValue, "names t1 twice"),
        (#"{"sid":"t1","sids":["t2"]}"#, .badValue, "is t1, and"),
        (#"{"sid":"t1","sids":["t1","t2"]}"#, .badValue, "is t1, and"),
    ])
    func `what names no nodes, or two things, is refused with a text`(
        _ json: String, _ code: FailureCode, _ words: String
    ) {
        #expect {
            try Self.choice(json)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.code == code && failure.message.contains(words)
        }
    }

    @Test func `their number is bounded`() throws {
        func list(_ count: Int) -> String {
            let ids = (1...count).map { "\"t\($0)\"" }.joined(separator: ",")
            return "{\"sids\":[\(ids)]}"
        }
        #expect(try Self.choice(list(NodeChoice.countMax)).ids.count == NodeChoice.countMax)
        #expect(throws: Failure.self) { try Self.choice(list(NodeChoice.countMax + 1)) }
    }
}
