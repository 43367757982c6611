import Foundation
import TestSupport
import Testing

extension Operation {
    /// Nodes that end because the cluster is asked for it: off the map and ended, or on it and running.
    static let endings = [
        ending(of: ["t3"], by: "shutdown-node"),
        ending(of: ["t3"], by: "decommission-node"),
        ending(of: ["t3", "p5"], by: "shutdown-node"),
    ]

    private static func ending(of nodes: [String], by action: String) -> Operation {
        let names = nodes.map { "\"\($0)\"" }.joined(separator: ",")
        @Sendable func request(_ url: String) -> String {
            let value = nodes.count == 1 ? "\"sid\":\(names)" : "\"sids\":[\(names)]"
            return
                "-X PUT -d '{\"action\":\"\(action)\",\"value\":{\(value),\"skip_rebalance\":true}}' "
                + "\(url)/v1/cluster"
        }
        return Operation("\(action) of \(nodes.joined(separator: " and "))") { matrix in
            for node in nodes { try matrix.run(node) }
        } request: { _, url in
            request(url)
        } isDone: { matrix, _, proxy in
            let there = try nodes.filter { try matrix.flags(of: $0, at: proxy) != nil }
            #expect(there.isEmpty || there == nodes, "half of them at \(proxy)")
            return there.isEmpty
        } afterwards: { matrix, record, answer in
            guard record.isApplied else {
                for node in nodes {
                    #expect(matrix.cluster.isRunning(node), "\(record.label): \(answer)")
                }
                return
            }
            // Who has been told that it is done has nothing more to do; others send the request again, under its id.
            if answer.kind != .done {
                try matrix.ensure("\(record.label): they end when it is repeated") { url in
                    "-H 'Martlet-Request-Id: \(record.id)' \(request(url))"
                } until: { matrix in
                    nodes.allSatisfy { !matrix.cluster.isRunning($0) }
                }
            }
            for node in nodes {
                let status = try matrix.cluster.exitStatus(node)
                #expect(status == 0, "\(record.label): \(node) ended with \(status)")
                try matrix.run(node)
            }
        }
    }
}

extension FaultMatrix {
    /// Has a node run, and be on the map.
    func run(_ node: String) throws {
        if !cluster.isRunning(node) { try cluster.start(node) }
        try waitUntil("\(node) answers", within: 30) {
            try cluster.curl("\(cluster.url(node))/v1/health", seconds: 2).status == 200
        }
        try put(node, onMap: true)
        try waitUntil("\(node) is ready", within: 30) {
            try cluster.curl("'\(cluster.url(node))/v1/health?readiness=true'", seconds: 2).status
                == 200
        }
    }
}
