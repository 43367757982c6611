import API
import Base
import Cluster
import Testing

/// Action messages: lenient outside, strict inside (contract §2.3).
@Suite struct MessageTests {
    @Test func `keys match in any case, and unknown ones outside the value are ignored`() throws {
        let body = #"{"Action":"createlb","NAME":"x","more":[{}],"value":null}"#
        let message = try ActionMessage(decoding: Array(body.utf8))
        #expect(message.action == "createlb" && message.name == "x" && message.value == nil)
        #expect(try message.decoded(allowed: [.createBucket]) == .createBucket)
        #expect(
            PathTests.code { try message.decoded(allowed: [.destroyBucket]) } == .unknownAction)
    }

    @Test(arguments: [
        "", "{", "[]", "nul", "{\"action\":1}", "{\"action\":\"x\"}}", "{\"action\":\"a\u{01}\"}",
        "{\"a\":01}", "{'action':'x'}", "{\"action\":\"\\x\"}", "\u{FEFF}{}",
    ])
    func `what is not a message is refused`(_ body: String) {
        #expect(PathTests.code { try ActionMessage(decoding: Array(body.utf8)) } == .badJSON)
    }

    @Test func `nesting is bounded`() {
        let body = String(repeating: "[", count: 100_000)
        #expect(throws: DecodingFailure.self) { try JSONValue(parsing: Array(body.utf8)) }
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `no bytes trap the parser`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let alphabet = Array(#"{}[]":,\u0041de+-.truefalsn 9"#.utf8) + [0xC3, 0x28, 0xFF, 0]
        let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
            alphabet.randomElement(using: &random) ?? 0
        }
        _ = try? JSONValue(parsing: bytes)
        _ = try? ListPage(decoding: bytes)
        _ = Failure(decoding: bytes)
    }

    @Test func `escapes and surrogates become the text they stand for`() throws {
        let json = try JSONValue(parsing: Array(#""a\n\u00e4\ud83d\ude00\ud83d\/""#.utf8))
        #expect(json == .string("a\nä😀\u{FFFD}/"))
        var writer = JSONWriter()
        writer.value("a\n\"\\ä😀")
        #expect(try JSONValue(parsing: writer.bytes) == .string("a\n\"\\ä😀"))
    }

    @Test func `a listing's request has defaults, and takes numbers quoted or bare`() throws {
        let value = try JSONValue(
            parsing: Array(
                #"{"props":"name, size,weight","pagesize":"3","flags":2,"start_after":"b"}"#.utf8))
        let request = try ListRequest(value: value)
        #expect(request.properties == [.name, .size])
        #expect(request.pageSize == 3 && request.flags == 2 && request.after == "b")
        #expect(try ListRequest(value: nil) == ListRequest())
        let again = try ActionMessage(decoding: request.encodedMessage)
        #expect(try ListRequest(value: again.value) == request)
    }

    @Test(arguments: [
        #"{"pagesise":1}"#, #"{"pagesize":-1}"#, #"{"pagesize":1.5}"#, #"{"prefix":7}"#, "[]",
        #"{"flags":"x"}"#,
    ])
    func `a listing's request with a mistake is refused`(_ text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(PathTests.code { try ListRequest(value: value) } == .badValue)
    }

    @Test func `properties change as named, and the rest stays`() throws {
        var properties = BucketProperties()
        let text =
            #"{"mirror":{"enable":true,"copies":"3"},"checksum":{"type":"sha256"},"access":771,"#
            + #""write_policy":"delayed"}"#
        try properties.update(from: try JSONValue(parsing: Array(text.utf8)))
        var expected = BucketProperties()
        expected.mirror.enabled = true
        expected.mirror.copies = 3
        expected.checksum.type = .sha256
        expected.access = AccessMask(rawValue: 0x303)
        expected.writePolicy = .delayed
        #expect(properties == expected)
    }

    @Test(arguments: [
        #"{"mirrors":{}}"#, #"{"mirror":{"copy":1}}"#, #"{"mirror":{"enabled":true,"copies":40}}"#,
        #"{"checksum":{"type":"crc"}}"#, #"{"lru":{"lowwm":95}}"#, #"{"lru":{"lowwm":300}}"#,
        #"{"mirror":{"enabled":true},"ec":{"enabled":true}}"#, #"{"access":"all"}"#,
    ])
    func `properties that make no sense are refused`(_ text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        var properties = BucketProperties()
        #expect(PathTests.code { try properties.update(from: value) } == .badValue)
    }

    @Test(arguments: [
        #"{"daemon_type":"target","node_ip_addr":"172.16.175.41","daemon_port":"8083","daemon_id":"43888:8083","direct_url":"http://172.16.175.41:8083"}"#,
        #"{"public_net":{"node_ip_addr":"172.16.175.41","daemon_port":8083},"daemon_type":"target","daemon_id":"43888:8083","flags":0}"#,
        #"{"smap":null,"si":{"public_net":{"node_ip_addr":"172.16.175.41","daemon_port":"8083"},"daemon_type":"target","daemon_id":"43888:8083"}}"#,
    ])
    func `a node is read in every form it is written in`(_ text: String) throws {
        let node = try Node(json: try JSONValue(parsing: Array(text.utf8)))
        #expect(node.id.text == "43888:8083" && node.role == .target)
        #expect(node.address.url == "http://172.16.175.41:8083")
        var writer = JSONWriter()
        writer.value(node)
        #expect(try Node(json: try JSONValue(parsing: writer.bytes)) == node)
    }

    @Test func `times are written after Go's layouts`() {
        let time = Timestamp(nanoseconds: 1_795_425_503_012_300_000)  // 2026-11-23 09:18:23.0123
        func text(_ layout: String) -> String { TimeLayout.text(time, layout: layout) }
        #expect(text(TimeLayout.standard) == "23 Nov 26 09:18 UTC")
        #expect(text("2006-01-02T15:04:05Z07:00") == "2026-11-23T09:18:23Z")
        #expect(text("Mon, 02 Jan 2006 15:04:05 -0700") == "Mon, 23 Nov 2026 09:18:23 +0000")
        #expect(
            text("Monday January _2 3:04:05.999999999PM 06")
                == "Monday November 23 9:18:23.0123AM 26")
        #expect(text("05.000 1/2") == "23.012 11/23")
        #expect(
            TimeLayout.text(Timestamp(nanoseconds: 0), layout: "Mon 2006-01-02") == "Thu 1970-01-01"
        )
    }
}
