/// The target of a request line, split into path and query, both as they came.
package struct RequestTarget: Sendable {
    package let path: Substring
    package let query: Query

    /// - Parameter text: `/path?query`, or the absolute form `http://host/path?query` (RFC 9112 §3.2).
    package init(_ text: String) {
        var rest = Substring(text)
        if rest.utf8.first != UInt8(ascii: "/"), rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
            rest = rest[(rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex)...]
        }
        if let split = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = rest[..<split]
            query = Query(rest[rest.utf8.index(after: split)...])
        } else {
            path = rest
            query = .empty
        }
    }

    /// Whether the request changes nothing, and only asks what a change would do: losing it leaves no doubt.
    package var isRehearsal: Bool { (try? query.flag(QueryName.dryRun)) == true }
}
