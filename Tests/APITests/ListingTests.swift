import API
import Base
import Testing

/// Listings: pages of targets, merged in name order (contract §5.9).
@Suite struct ListingTests {
    @Test func `an entry has the fields that were asked for`() throws {
        var request = ListRequest()
        request.uuid = "u1"
        request.properties = [.name, .size, .checksum, .accessTime, .version]
        var writer = ListReplyWriter(request)
        var entry = ListEntry(name: "a\"b")
        entry.size = 22
        entry.checksum = "ca76"
        entry.accessTime = Timestamp(nanoseconds: 1_795_425_503_000_000_000)
        entry.version = "1"
        entry.targetURL = "http://t"
        writer.append(entry)
        let expected =
            #"{"uuid":"u1","entries":[{"name":"a\"b","size":"22","checksum":"ca76","#
            + #""atime":"23 Nov 26 09:18 UTC","version":"1","flags":64}],"continuation_token":""}"#
        #expect(String(decoding: writer.finish(token: ""), as: UTF8.self) == expected + "\n")
    }

    @Test func `an empty listing has null for entries`() {
        var writer = ListReplyWriter(ListRequest())
        let text = String(decoding: writer.finish(token: ""), as: UTF8.self)
        #expect(text == #"{"uuid":"","entries":null,"continuation_token":""}"# + "\n")
    }

    @Test(arguments: [
        #"{"entries":[{"name":"b"},{"name":"a"}]}"#, #"{"entries":[{"size":"1"}]}"#,
        #"{"entries":[{"name":"a"},{"name":"a"}]}"#, #"{"entries":7}"#, "{",
    ])
    func `a page out of order or without names is refused`(_ text: String) {
        #expect(throws: DecodingFailure.self) { try ListPage(decoding: Array(text.utf8)) }
    }

    /// Names that sort differently as Swift strings and as bytes are among them.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `page by page a client sees every name once, in the order of its bytes`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let letters = ["a", "b", "z", "é", "e\u{301}", "你", "/", "-", "A"]
        let names = Set(
            (0..<Int.random(in: 0...80, using: &random)).map { _ in
                (0..<Int.random(in: 1...5, using: &random)).map { _ in
                    letters.randomElement(using: &random) ?? ""
                }.joined()
            }.map { Array($0.utf8) })
        let targets = Int.random(in: 1...5, using: &random)
        var homes = [[[UInt8]]](repeating: [], count: targets)
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            homes[Int.random(in: 0..<targets, using: &random)].append(name)
        }
        var request = ListRequest()
        request.pageSize = Int.random(in: 1...20, using: &random)
        var seen: [[UInt8]] = []
        for _ in 0..<200 {
            let pages = try homes.map { try Self.page(of: $0, request) }
            let merged = try ListPage(decoding: ListMerge.merge(pages, for: request))
            #expect(merged.entries.count <= request.pageSize)
            seen += merged.entries.map { Array($0.name.utf8) }
            request.continuationToken = merged.continuationToken
            if merged.continuationToken.isEmpty { break }
        }
        #expect(seen == names.sorted { $0.lexicographicallyPrecedes($1) })
    }

    /// What a target answers.
    private static func page(of names: [[UInt8]], _ request: ListRequest) throws -> ListPage {
        let after = Array(request.after.utf8)
        let rest = names.filter { after.lexicographicallyPrecedes($0) }
        var writer = ListReplyWriter(request)
        for name in rest.prefix(request.pageSize) {
            writer.append(ListEntry(name: String(decoding: name, as: UTF8.self)))
        }
        let isFull = rest.count >= request.pageSize
        let last = rest.prefix(request.pageSize).last ?? []
        return try ListPage(
            decoding: writer.finish(token: isFull ? String(decoding: last, as: UTF8.self) : ""))
    }
}
