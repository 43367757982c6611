package import Cluster

/// `GET /v1/help` and `/v1/help/ROW`: the contract's operations as curl lines for this very cluster.
///
/// A line is for a terminal, so every address and id in it is one that the map names now; only bucket, object and
/// mountpath are examples.
package struct HelpPage: Sendable {
    private let names: [(name: String, value: String)]
    private let proxyURL: String
    private let targetURL: String

    /// - Parameters:
    ///   - map: the cluster, as this node sees it.
    ///   - node: who is asked. A target names the primary where a line goes to a proxy.
    package init(map: ClusterMap, node: Node) {
        let proxy = node.role == .proxy ? node : map.primary.flatMap { map[$0] } ?? node
        let target = node.role == .target ? node : map.nodes(.target).first
        let other = map.nodes(.proxy).first { $0.id != map.primary } ?? proxy
        proxyURL = proxy.address.url
        targetURL = target?.address.url ?? "http://TARGET"
        names = [
            ("target", target?.id.text ?? "TARGET"), ("target-url", targetURL),
            ("target-host", target?.address.host ?? "HOST"),
            ("target-port", target.map { String($0.address.port) } ?? "PORT"),
            ("other", other.id.text), ("other-url", other.address.url),
            ("other-host", other.address.host), ("other-port", String(other.address.port)),
            ("bucket", "demo"), ("object", "hello"), ("mountpath", "/path/of/mountpath"),
        ]
    }

    /// What is asked for: all rows, or the one whose name follows `/v1/help/`.
    package func text(for elements: [String]) throws(Failure) -> String {
        guard let name = elements.first else { return text }
        guard elements.count == 1, let row = HelpRow.named(name) else {
            throw Failure(
                .unknownResource, "no operation '\(elements.joined(separator: "/"))'",
                next: "A1 to A46 and Q1 to Q13; GET /v1/help shows all")
        }
        return text(of: row)
    }

    /// All rows: title and line, those that this version does not serve with a word that says so.
    package var text: String {
        """
        # Operations of this cluster, one line for curl each. /v1/help/ROW shows one of them.
        # -i shows the status and the headers, too.


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
