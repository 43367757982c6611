import TestSupport
import Testing

@testable import LoadGenerator

/// What the load generator writes, remembers, and recognises when it reads it back.
@Suite struct LoadTests {
    @Test(arguments: [0, 10, 64, 65, 4096])
    func `an object is recognised as written`(_ size: Int) {
        let content = Content(size: size)
        let bytes = written(content, "o1", sequence: 7)
        bytes.withUnsafeBytes { #expect(content.difference($0, name: "o1", from: 7) == nil) }
    }

    @Test func `a later write is accepted, an earlier one is a loss`() {
        let content = Content(size: 256)
        written(content, "o1", sequence: 7).withUnsafeBytes { bytes in
            #expect(content.difference(bytes, name: "o1", from: 6) == nil)
            #expect(content.difference(bytes, name: "o1", from: 8)?.contains("write 7") == true)
        }
    }

    @Test func `one wrong byte, a wrong object and a wrong length are noticed`() {
        let content = Content(size: 256)
        var damaged = written(content, "o1", sequence: 1)
        damaged[200] ^= 1
        damaged.withUnsafeBytes {
            #expect(content.difference($0, name: "o1", from: 1) == "o1: damaged bytes")
        }
        written(content, "o2", sequence: 1).withUnsafeBytes {
            #expect(content.difference($0, name: "o1", from: 1) == "o1: holds the bytes of o2")
        }
        damaged.dropLast().withUnsafeBytes {
            #expect(content.difference($0, name: "o1", from: 1) == "o1: 255 bytes, not 256")
        }
    }

    @Test func `the record keeps the last acknowledged write of each object`() throws {
        let set = try AcknowledgedSet(
            text: "bucket b\nput b o1 1 10\nput b o1 3 20\nput b o1 2 30\nput b o2 1 5\nput b o3 9")
        #expect(set.buckets == ["b"])
        #expect(set.objects[.init(bucket: "b", name: "o1")] == .init(sequence: 3, size: 20))
        // The last line was cut off by the end of the process that wrote it: not acknowledged.
        #expect(set.objects.count == 2)
    }

    @Test func `of the times without a success the longest are kept, with their places`() {
        var (one, other) = (Gaps(), Gaps())
        for number in 1...1000 as ClosedRange<UInt64> {
            let gap = Gaps.Gap(from: number, length: number * 7919 % 1009)
            if number % 3 == 0 { one.note(gap) } else { other.note(gap) }
        }
        one.add(other)
        let all = (1...1000 as ClosedRange<UInt64>).map {
            Gaps.Gap(from: $0, length: $0 * 7919 % 1009)
        }
        #expect(one.longest == Array(all.sorted { $0.length > $1.length }.prefix(Limits.gapsMax)))
    }

    @Test func `a record that is none is an error`() {
        #expect(throws: RecordError.malformed("nonsense here it is")) {
            try AcknowledgedSet(text: "nonsense here it is\n")
        }
    }

    @Test func `the record on disk reads back as it was written`() throws {
        try withTemporaryDirectory { path in
            let file = "\(path)/record"
            do {
                let record = try #require(AcknowledgedRecord(appendingTo: file))
                record.bucket("b")
                record.put("b", "o1", sequence: 4, size: 4096)
            }
            let set = try AcknowledgedSet(contentsOf: file)
            #expect(set.buckets == ["b"])
            #expect(set.objects.values.first == .init(sequence: 4, size: 4096))
        }
    }

    @Test func `a budget of requests is spent exactly`() {
        let budget = RunBudget(count: 3, duration: nil)
        #expect((0..<5).map { _ in budget.take() } == [true, true, true, false, false])
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", ""),
        ("http://10.0.0.1:80/v1/x?a=b", "10.0.0.1:80", "/v1/x?a=b"),
        ("http://localhost:1?q", "127.0.0.1:1", "?q"),
    ])
    func `addresses are taken apart`(_ url: String, _ address: String, _ path: String) throws {
        let parts = try #require(ServerAddress.split(url))
        #expect("\(parts.0)" == address)
        #expect(parts.path == path)
    }

    @Test(arguments: ["https://1.2.3.4", "http://host:1", "http://1.2.3:1", "http://1.2.3.4:x", ""])
    func `an address that is none is refused`(_ url: String) {
        #expect(ServerAddress.split(url) == nil)
    }

    @Test func `a response head yields what a client must know`() {
        let head = parse(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://1.2.3.4:5/x\r\n"
                + "Content-Length: 12\r\nConnection: close")
        #expect(head?.status == 307)
        #expect(head?.location == "http://1.2.3.4:5/x")
        #expect(head?.contentLength == 12)
        #expect(head?.closes == true)
    }

    @Test func `case, order and what else there is make no difference to a response head`() {
        let head = parse(
            "HTTP/1.0 200\r\nDate: x\r\nEC.compression: never\r\nCONNECTION: Keep-Alive\r\n"
                + "Transfer-encoding:   CHUNKED\r\nX-Location: a\nb\r\nempty:\r\ncontent-length:0")
        #expect(head?.status == 200 && head?.isChunked == true && head?.closes == false)
        #expect(head?.contentLength == 0 && head?.location == nil)
        #expect(parse("HTTP/1.0 204 No Content")?.closes == true)
        #expect(parse("HTTP/1.1 204 No Content")?.closes == false)
    }

    @Test(arguments: [
        "", "HTTP/1.1", "HTTP/1.1 abc", "HTTP/2 200 OK", "HTTP/1.1 99 x", "HTTP/1.1 2000 OK",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x", "HTTP/1.1 200 OK\r\nContent-Length:",
        "HTTP/1.1 200 OK\r\nContent-Length: -1", "HTTP/1.1 200 OK\r\nno colon",
    ])
    func `a response head that is none is refused`(_ text: String) {
        #expect(parse(text) == nil)
    }

    private func parse(_ text: String) -> ResponseHead? {
        Array(text.utf8).withUnsafeBytes { ResponseHead($0) }
    }

    private func written(_ content: Content, _ name: String, sequence: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: content.size)
        bytes.withUnsafeMutableBytes { content.fill($0, name: name, sequence: sequence) }
        return bytes
    }
}
