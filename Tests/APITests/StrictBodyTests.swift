import API
import Base
import Cluster
import HTTP
import Testing

/// Bodies are obeyed or refused by name: each key once, values of the type they must have (contract §2.3).
@Suite struct StrictBodyTests {
    @Test(arguments: [
        (#"{"action":"createlb","action":"destroylb"}"#, "'action' twice"),
        (#"{"action":"createlb","Action":"destroylb"}"#, "'action' twice"),
        (#"{"action":"x","value":{"sid":"t1","sid":"t2"}}"#, "'sid' twice"),
        (#"{"action":"x","more":[1,{"a":1,"b":{"c":1,"c":1}}]}"#, "'c' twice"),
    ])
    func `a key that is there twice is refused by name`(_ body: String, _ names: String) {
        let failure = #expect(throws: Failure.self) {
            try ActionMessage(decoding: Array(body.utf8))
        }
        #expect(
            failure?.code == .badJSON && failure?.message.contains(names) == true,
            "\(failure as Any)")
    }

    @Test func `a value says each thing once, in whatever spelling`() throws {
        let value = try JSONValue(parsing: Array(#"{"sid":"t1","SID":"t2"}"#.utf8))
        let failure = #expect(throws: Failure.self) { try ActionValue(value, keys: ["sid"]) }
        #expect(failure?.code == .badJSON && failure?.message.contains("'sid' twice") == true)
    }

    @Test func `keys that name things differ by case, and are not taken for the same`() throws {
        let body =
            #"{"smap":{"tmap":{"t1":{},"T1":{}}},"si":{"daemon_id":"t1","daemon_type":"target","#
            + #""node_ip_addr":"h","daemon_port":"1"}}"#
        #expect(try JoinRequest(decoding: Array(body.utf8)).node.id.text == "t1")
    }

    @Test(arguments: [#""yes""#, #""true""#, "1", "0", "[]"])
    func `yes and no are not quoted`(_ text: String) throws {
        let json = try JSONValue(parsing: Array(#"{"skip_rebalance":\#(text)}"#.utf8))
        let value = try #require(try ActionValue(json, keys: ["skip_rebalance"]))
        let failure = #expect(throws: Failure.self) { try value.bool("skip_rebalance") }
        #expect(failure?.code == .badValue && failure?.message.contains("skip_rebalance") == true)
    }

    @Test func `an empty body is told what is wanted`() {
        let bodies: [(Failure?, String)] = [
            (#expect(throws: Failure.self) { try JoinRequest(decoding: []) }, "daemon_id"),
            (#expect(throws: Failure.self) { try ActionMessage(decoding: []) }, "action"),
            (#expect(throws: Failure.self) { try MountpathReport(decoding: []) }, "mountpath"),
            (#expect(throws: Failure.self) { try RemovalReport(decoding: []) }, "order"),
            (#expect(throws: Failure.self) { try XactionQuery(decoding: []) }, "kind"),
        ]
        for (failure, key) in bodies {
            #expect(failure?.code == .badJSON && failure?.message.contains("no body") == true)
            #expect(failure?.next?.contains(key) == true, "\(failure?.next ?? "nothing")")
        }
    }

    @Test(arguments: [
        (#"{"action":"createlb","name":"other"}"#, "'name'"),
        (#"{"action":"invallistobjcache","value":{"dry_run":true}}"#, "'value'"),
    ])
    func `an action refuses a name or a value that it does not take`(
        _ body: String, _ names: String
    ) throws {
        let message = try ActionMessage(decoding: Array(body.utf8))
        let failure = #expect(throws: Failure.self) {
            try Route.action(of: message, on: .bucketAction, .empty)
        }
        #expect(failure?.code == .badValue && failure?.message.contains(names) == true)
    }

    @Test(arguments: [
        (Route.Name.clusterAction, #"{"action":"start","name":"rebalance"}"#, "'value'"),
        (.clusterAction, #"{"action":"startmaintenance","name":"t1"}"#, "'value'"),
        (.mountpaths, #"{"action":"disable","name":"/srv/disk1"}"#, "'value'"),
        (.bucketAction, #"{"action":"createlb","name":"other"}"#, "the path"),
    ])
    func `who puts into 'name' what belongs elsewhere is told where`(
        _ route: Route.Name, _ body: String, _ place: String
    ) throws {
        let message = try ActionMessage(decoding: Array(body.utf8))
        let failure = #expect(throws: Failure.self) {
            try Route.action(of: message, on: route, .empty)
        }
        #expect(failure?.next?.hasSuffix("stands in \(place)") == true, "\(failure?.next ?? "")")
    }

    @Test func `a body where none is read is refused`() throws {
        for (method, path) in [
            (Method.delete, "/v1/cluster/daemon/t1"), (.put, "/v1/cluster/setconfig"),
            (.put, "/v1/cluster/proxy/p2"), (.post, "/v1/cluster/sessions"),
        ] {
            let match = try Route.match(method, try Resource(path: path[...]), at: .proxy)
            try match.check(.empty, method)
            let code = PathTests.code { try match.check(.empty, method, hasBody: true) }
            // What goes on by force may have logs with it.
            #expect(code == (match.name == .setPrimary ? nil : .badRequest), "\(path)")
        }
    }

    // MARK: Nodes

    private static func body(_ more: String, port: String = "8083") -> [UInt8] {
        Array(
            (#"{"daemon_type":"target","daemon_id":"t1","node_ip_addr":"10.0.0.5","#
                + #""daemon_port":"\#(port)"\#(more)}"#).utf8)
    }

    @Test(arguments: [
        #","direct_url":"http://10.0.0.5:8084""#, #","direct_url":"https://10.0.0.5:8083""#,
        #","direct_url":"http://10.0.0.6:8083""#, #","direct_url":"10.0.0.5:8083""#,
        #","intra_control_net":{"node_ip_addr":"10.1.0.5","daemon_port":"9083","direct_url":"http://10.1.0.5:9083"}"#,
        #","intra_data_net":{"node_ip_addr":"10.0.0.5","daemon_port":"8083","direct_url":"http://10.0.0.5:1"}"#,
        #","flags":"many""#, #","member":"xyz""#, #","flags":5000000000"#,
    ])
    func `two addresses that cannot both be true are refused`(_ more: String) {
        let failure = #expect(throws: Failure.self) {
            try JoinRequest(decoding: Self.body(more))
        }
        #expect(failure?.code == .badNode && failure?.next != nil, "\(failure as Any)")
    }

    @Test(arguments: [
        "", #","direct_url":"""#, #","direct_url":"http://10.0.0.5:8083/""#,
        #","intra_control_net":{"node_ip_addr":"","daemon_port":"","direct_url":""}"#,
        #","intra_data_net":{"node_ip_addr":"10.0.0.5","daemon_port":"8083","direct_url":"http://10.0.0.5:8083"}"#,
    ])
    func `the same address said in several ways is taken`(_ more: String) throws {
        #expect(
            try JoinRequest(decoding: Self.body(more)).node.address.description == "10.0.0.5:8083")
    }

    @Test func `an id that is too long is not repeated whole`() {
        let id = String(repeating: "x", count: 100_000)
        for body in [
            #"{"daemon_id":"\#(id)","daemon_type":"target"}"#,
            #"{"daemon_id":"t1","daemon_type":"target","node_ip_addr":"h","daemon_port":"1","direct_url":"\#(id)"}"#,
        ] {
            let failure = #expect(throws: Failure.self) {
                try JoinRequest(decoding: Array(body.utf8))
            }
            #expect(failure?.code == .badNode)
            #expect(failure.map { $0.message.utf8.count < 400 } == true)
        }
    }

    @Test func `an excerpt ends between two characters of Unicode`() {
        #expect("short".excerpt == "short")
        let text = String(repeating: "日", count: 50)
        #expect(text.excerpt == String(repeating: "日", count: 42) + "… (150 bytes)")
        // One character of any length.
        let marks = "e" + String(repeating: "\u{301}", count: 10_000)
        #expect(marks.excerpt.utf8.count < 200)
    }
}
