import Base
package import Cluster

/// `GET /v1/help` and `/v1/help/ROW`: the operations, the contract's and those that are Martlet's own, as curl lines for this very
/// cluster.
///
/// A line is for a terminal, so every address, id and mountpath in it is one that the cluster has now; only bucket and object are
/// examples.
package struct HelpPage: Sendable {
    private let names: [(name: String, value: String)]
    private let proxyURL: String
    private let targetURL: String

    /// - Parameters:
    ///   - map: the cluster, as this node sees it.
    ///   - node: who is asked. A target names the primary where a line goes to a proxy.
    ///   - mountpath: one of ``target(of:for:)`` that takes part; `nil` when none is known.
    ///   - disabled: one that is disabled; `nil` when none is.
    package init(
        map: ClusterMap, node: Node, mountpath: String? = nil, disabled: String? = nil
    ) {
        let proxy = node.role == .proxy ? node : map.primary.flatMap { map[$0] } ?? node
        let target = Self.target(of: map, for: node)
        let other = map.nodes(.proxy).first { $0.id != map.primary } ?? proxy
        proxyURL = proxy.address.url
        targetURL = target?.address.url ?? "http://TARGET"
        names = [
            ("target", target?.id.text ?? "TARGET"), ("target-url", targetURL),
            ("target-host", target?.address.host ?? "HOST"),
            ("target-port", target.map { String($0.address.port) } ?? "PORT"),
            ("other", other.id.text), ("other-url", other.address.url),
            ("other-host", other.address.host), ("other-port", String(other.address.port)),
            ("bucket", "demo"), ("object", "hello"), ("smap-version", String(map.version)),
            ("mountpath", mountpath.flatMap(Self.quotable) ?? Self.otherMountpath),
            ("disabled", (disabled ?? mountpath).flatMap(Self.quotable) ?? Self.otherMountpath),
            ("other-mountpath", Self.otherMountpath),
        ]
    }

    /// A directory that is no mountpath yet.
    private static let otherMountpath = "/path/of/mountpath"

    /// The target that lines go to; `nil` when there is none.
    package static func target(of map: ClusterMap, for node: Node) -> Node? {
        node.role == .target ? node : map.nodes(.target).first
    }

    /// Whether what is asked for has a line with a mountpath in it.
    package static func namesMountpath(_ elements: [String]) -> Bool {
        guard let name = elements.first else { return true }
        let body = HelpRow.named(name)?.body ?? ""
        return body.contains("{mountpath}") || body.contains("{disabled}")
    }

    /// A path as it can stand in JSON between a shell's quotes; what would have to be escaped is not shown.
    private static func quotable(_ path: String) -> String? {
        let isPlain = path.utf8.allSatisfy { byte in
            byte >= 0x20 && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "\"")
                && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "{")
        }
        return isPlain ? path : nil
    }

    /// What is asked for: all rows, or the one whose name follows `/v1/help/`.
    package func text(for elements: [String]) throws(Failure) -> String {
        guard let name = elements.first else { return text }
        guard elements.count == 1, let row = HelpRow.named(name) else {
            throw Failure(
                .unknownResource, "no operation '\(elements.joined(separator: "/").excerpt)'",
                next: "A1 to A46, Q1 to Q13 and M1 to M\(HelpRow.own.count); GET /v1/help shows all"
            )
        }
        return text(of: row)
    }

    /// All rows: title and line, those that this version does not serve with a word that says so.
    package var text: String {
        """
        # Operations of this cluster, one line for curl each. /v1/help/ROW shows one of them.
        # -i shows the status and the headers, too. A and Q are AIStore's, M are Martlet's own.
        # dry_run=true, in the query of what changes nodes, settings or buckets, says what would happen, and changes nothing.


        """ + HelpRow.all.map(text(of:)).joined(separator: "\n")
    }

    package func text(of row: HelpRow) -> String {
        let state = row.isServed ? "" : " (not served by this version)"
        return "# \(row.id): \(row.title)\(state)\n\(line(of: row))\n"
    }

    /// The command alone.
    package func line(of row: HelpRow) -> String {
        var words = ["curl", "-sS"]
        switch row.method {
        case "GET": break
        case "HEAD": words.append("-I")
        default: words += ["-X", row.method]
        }
        if !row.flags.isEmpty { words.append(row.flags) }
        if !row.body.isEmpty {
            if row.method == "GET" { words += ["-X", "GET"] }
            words += ["-H 'Content-Type: application/json'", "-d '\(filled(row.body))'"]
        }
        let base = row.recipient == .proxy ? proxyURL : targetURL
        words.append("'\(base)\(filled(row.path))'")
        return words.joined(separator: " ")
    }

    private func filled(_ text: String) -> String {
        var text = text
        for (name, value) in names {
            let parts = text.split(separator: "{\(name)}", omittingEmptySubsequences: false)
            if parts.count > 1 { text = parts.joined(separator: value) }
        }
        return text
    }
}
