package import Base

/// A target's page of a listing, as the proxy reads it: names for ordering, and the rest as it came.
package struct ListPage: Sendable {
    package struct Entry: Sendable {
        package let name: String
        /// Where the entry stands in ``ListPage/bytes``.
        package let range: Range<Int>
    }

    package let bytes: [UInt8]
    package private(set) var entries: [Entry] = []
    package private(set) var continuationToken = ""

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        self.bytes = bytes
        var scanner = JSONScanner(bytes)
        var entries: [Entry] = []
        var token = ""
        try scanner.object { (scanner, key) throws(DecodingFailure) in
            switch key {
            case "entries": try Self.read(&scanner, into: &entries)
            case "continuation_token": token = try scanner.string()
            default: _ = try scanner.skipValue()
            }
        }
        try scanner.finish()
        self.entries = entries
        continuationToken = token
    }

    private static func read(
        _ scanner: inout JSONScanner, into entries: inout [Entry]
    ) throws(DecodingFailure) {
        if scanner.peek() == UInt8(ascii: "n") {
            _ = try scanner.skipValue()
            return
        }
        try scanner.array { (scanner) throws(DecodingFailure) in
            _ = scanner.peek()
            let start = scanner.offset
            var name: String?
            try scanner.object { (scanner, key) throws(DecodingFailure) in
                if key == "name" {
                    name = try scanner.string()
                } else {
                    _ = try scanner.skipValue()
                }
            }
            guard let name else { throw scanner.failure("entry without a name") }
            if let last = entries.last, !last.name.utf8.lexicographicallyPrecedes(name.utf8) {
                throw scanner.failure("entries out of order")
            }
            entries.append(Entry(name: name, range: start..<scanner.offset))
        }
    }
}
