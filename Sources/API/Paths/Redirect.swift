package import Base
package import Cluster
import HTTP

/// What a proxy adds when it sends a client to a target, and a target reads back (contract §2.6).
package struct Redirect: Equatable, Sendable {
    /// The proxy that redirected.
    package var proxy: String
    /// When, in nanoseconds since 1970; for statistics only.
    package var time: UInt64
    /// The state the target was chosen by. Absent from clients that made the redirect up themselves.
    package var position: LogPosition?

    /// Reads the parameters; `nil` when the request did not come through a proxy.
    package init?(_ query: Query) throws(Failure) {
        guard let proxy = try query.value(QueryName.proxyID), !proxy.isEmpty,
            let time = try query.value(QueryName.unixTime), !time.isEmpty
        else { return nil }
        self.proxy = proxy
        self.time = UInt64(time) ?? 0
        guard let text = try query.value(QueryName.position) else { return }
        guard let position = LogPosition(text: text) else {
            throw Failure(
                .badPosition, "'\(text.excerpt)' is not a position of the log",
                next: "leave 'at' as the proxy made it")
        }
        self.position = position
    }

    /// Whether a part of a query is of an earlier redirect, which this one takes the place of.
    private static func isMark(_ pair: Substring.UTF8View) -> Bool {
        let name = pair.prefix { $0 != UInt8(ascii: "=") }
        return name.elementsEqual("pid".utf8) || name.elementsEqual("utm".utf8)
            || name.elementsEqual("at".utf8)
    }

    /// Where a client is sent.
    ///
    /// - Parameters:
    ///   - node: where the object lives.
    ///   - target: the client's own path and query; what they lack in encoding is supplied.
    ///   - proxy: the proxy that answers.
    ///   - time: now.
    ///   - position: of the state that `node` was chosen by.
    ///   - suffix: appended as it is.
    /// - Returns: the value of `Location`.
    package static func location(
        to node: Node, _ target: RequestTarget, proxy: NodeID, time: Timestamp,
        position: String, suffix: String = ""
    ) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + target.path.utf8.count + target.query.text.utf8.count)
        bytes.append(contentsOf: node.address.url.utf8)
        PercentCoding.append(path: target.path, to: &bytes)
        bytes.append(UInt8(ascii: "?"))
        if !target.query.text.isEmpty {
            for pair in target.query.text.utf8.split(separator: UInt8(ascii: "&"))
            where !isMark(pair) {
                PercentCoding.append(query: Substring(pair), to: &bytes)
                bytes.append(UInt8(ascii: "&"))
            }
        }
        bytes.append(contentsOf: "pid=".utf8)
        bytes.append(contentsOf: proxy.text.utf8)
        bytes.append(contentsOf: "&utm=".utf8)
        bytes.append(contentsOf: String(time.nanoseconds).utf8)
        bytes.append(contentsOf: "&at=".utf8)
        bytes.append(contentsOf: position.utf8)
        bytes.append(contentsOf: suffix.utf8)
        return String(decoding: bytes, as: UTF8.self)
    }
}
