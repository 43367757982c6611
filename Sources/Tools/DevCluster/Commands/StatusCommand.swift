import Base
import FoundationEssentials

/// `martlet cluster status`: what every node says, side by side.
enum StatusCommand {
    static let syntax = CommandSyntax(
        "martlet cluster status",
        summary: "Shows every node: process, readiness, the primary it knows, its versions.",
        options: [ClusterCommand.directoryOption, .flag("json", "Print JSON for programs.")],
        discussion: "Exit status 0 when every node is ready and all name the same primary, else 3.")

    static func run(_ words: [String]) -> Int32 {
        let settings: (directory: String, wantsJSON: Bool)
        switch syntax.evaluate(
            words,
            as: { (arguments) throws(ArgumentError) in
                (try arguments.optional("dir") ?? ".cluster", arguments.has("json"))
            })
        {
        case .exit(let status): return status
        case .settings(let value): settings = value
        }
        return ClusterCommand.attempt("status") { () throws(ClusterError) in
            let directory = try ClusterDirectory(existing: settings.directory)
            let reports = try directory.nodes().map { NodeReport.of($0) }
            let readiness = Readiness(reports: reports)
            Console.output(settings.wantsJSON ? json(reports) : table(reports))
            if !settings.wantsJSON {
                for line in readiness.missing { Console.output("  \(line)\n") }
            }
            return readiness.missing.isEmpty ? 0 : 3
        }
    }

    private static func table(_ reports: [NodeReport]) -> String {
        var rows = [["NODE", "ROLE", "URL", "PID", "STATE", "PRIMARY", "SMAP", "BMD"]]
        for report in reports {
            let state =
                report.isPaused
                ? "paused" : !report.isAlive ? "dead" : report.isReady ? "ready" : "not ready"
            rows.append([
                report.node.id, report.node.role.rawValue, report.node.url,
                report.isAlive ? "\(report.node.pid)" : "-", state,
                report.isPrimary ? "* itself" : report.primary ?? "-", report.mapVersion ?? "-",
                report.bucketsVersion ?? "-",
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths)
                .map { $0 + String(repeating: " ", count: $1 - $0.count) }
                .joined(separator: "  ") + "\n"
        }.joined()
    }

    private static func json(_ reports: [NodeReport]) -> String {
        let rows = reports.map { report in
            StatusDocument.Node(
                id: report.node.id, role: report.node.role, url: report.node.url,
                pid: report.node.pid, alive: report.isAlive, paused: report.isPaused,
                ready: report.isReady, reason: report.reason, primary: report.isPrimary,
                knownPrimary: report.primary, smapVersion: report.mapVersion,
                bmdVersion: report.bucketsVersion)
        }
        let primaries = Set(reports.compactMap(\.primary))
        let document = StatusDocument(
            primary: primaries.count == 1 ? primaries.first : nil, nodes: rows)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(document)) ?? Data()
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}

/// The shape of `martlet cluster status --json`.
private struct StatusDocument: Encodable {
    struct Node: Encodable {
        let id: String
        let role: NodeRecord.Role
        let url: String
        let pid: Int32
        let alive: Bool
        let paused: Bool
        let ready: Bool
        let reason: String?
        let primary: Bool
        let knownPrimary: String?
        let smapVersion: String?
        let bmdVersion: String?

        enum CodingKeys: String, CodingKey {
            case id, role, url, pid, alive, paused, ready, reason, primary
            case knownPrimary = "known_primary"
            case smapVersion = "smap_version"
            case bmdVersion = "bmd_version"
        }
    }
    /// The one primary that every node that answers names; absent when they disagree.
    let primary: String?
    let nodes: [Node]
}
