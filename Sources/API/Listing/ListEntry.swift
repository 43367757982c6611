package import Base

/// One object of a listing, as a target knows it.
package struct ListEntry: Equatable, Sendable {
    /// The bit that says: stored in this cluster.
    package static let isStored: UInt16 = 64

    package var name: String
    package var size: UInt64 = 0
    package var checksum = ""
    package var accessTime: Timestamp?
    package var version = ""
    package var targetURL = ""
    package var copies = 0
    package var flags = ListEntry.isStored

    package init(name: String) {
        self.name = name
    }
}

/// Writes the reply to a listing entry by entry: thousands of them, so without a tree and without a coder.
///
/// Entries must come in ascending order of their names' bytes: merging rests on it.
package struct ListReplyWriter: Sendable {
    private var json: JSONWriter
    private let request: ListRequest
    /// Access times come in runs of equal minutes; the last text is kept.
    private var lastTime: (UInt64, String)?
    package private(set) var count = 0

    package init(_ request: ListRequest) {
        self.request = request
        json = JSONWriter(capacity: 256 + min(request.pageSize, 4_096) * 128)
    }

    package mutating func append(_ entry: ListEntry) {
        let time =
            request.properties.contains(.accessTime)
            ? entry.accessTime.map { text(of: $0) } : nil
        begin()
        let wanted = request.properties
        json.object { json in
            json.member("name", entry.name)
            if wanted.contains(.size), entry.size > 0 {
                json.member("size", String(entry.size))
            }
            if wanted.contains(.checksum), !entry.checksum.isEmpty {
                json.member("checksum", entry.checksum)
            }
            if let time { json.member("atime", time) }
            if wanted.contains(.version), !entry.version.isEmpty {
                json.member("version", entry.version)
            }
            if wanted.contains(.targetURL), !entry.targetURL.isEmpty {
                json.member("target_url", entry.targetURL)
            }
            if wanted.contains(.copies), entry.copies > 0 { json.member("copies", entry.copies) }
            if entry.flags != 0 { json.member("flags", entry.flags) }
        }
    }

    /// Appends an entry that is JSON text already.
    package mutating func append(encoded entry: ArraySlice<UInt8>) {
        begin()
        json.raw(entry)
    }

    /// Ends the reply.
    ///
    /// - Parameter token: the last name when the page is full, else empty.
    /// - Returns: the whole reply, with a newline behind it.
    package mutating func finish(token: String) -> [UInt8] {
        var head = JSONWriter(capacity: 256 + json.bytes.count)
        let entries = json.bytes
        let isEmpty = count == 0
        head.object { head in
            head.member("uuid", request.uuid)
            head.key("entries")
            if isEmpty {
                head.null()
            } else {
                head.raw(entries + [UInt8(ascii: "]")])
            }
            head.member("continuation_token", token)
        }
        head.newline()
        return head.bytes
    }

    private mutating func begin() {
        if count == 0 { json.open() }
        count += 1
    }

    private mutating func text(of time: Timestamp) -> String {
        if let lastTime, lastTime.0 == time.nanoseconds { return lastTime.1 }
        let text = TimeLayout.text(time, layout: request.timeFormat)
        lastTime = (time.nanoseconds, text)
        return text
    }
}
