import Foundation
import Testing

/// A change of what the cluster agrees on: how it is asked for, and how it is seen to have been made.
struct Operation: Sendable {
    let name: String
    /// Brings about what it starts from.
    let prepare: @Sendable (FaultMatrix) throws -> Void
    /// What curl is told, for a proxy's URL.
    let request: @Sendable (FaultMatrix, String) -> String
    /// Whether it is made, as a proxy's certain answer has it; the number is that of the request. `nil`: only the history says.
    let isDone: (@Sendable (FaultMatrix, Int, String) throws -> Bool)?
    /// What else holds when everybody is back, by what the request has come to and what its client was told; and takes away what
    /// others are not to find.
    let afterwards: (@Sendable (FaultMatrix, FaultMatrix.Record, Call.Answer) throws -> Void)?

    init(
        _ name: String, prepare: @escaping @Sendable (FaultMatrix) throws -> Void = { _ in },
        request: @escaping @Sendable (FaultMatrix, String) -> String,
        isDone: (@Sendable (FaultMatrix, Int, String) throws -> Bool)?,
        afterwards: (@Sendable (FaultMatrix, FaultMatrix.Record, Call.Answer) throws -> Void)? = nil
    ) {
        self.name = name
        self.prepare = prepare
        self.request = request
        self.isDone = isDone
        self.afterwards = afterwards
    }

    static let all = buckets + membership + maintenance + settings + others + endings + removals

    // MARK: Buckets

    private static let buckets = [
        Operation("create a bucket") { matrix, url in
            "-X POST -d '{\"action\":\"createlb\"}' \(url)/v1/buckets/b\(matrix.number)"
        } isDone: { matrix, number, proxy in
            try matrix.cluster.buckets(at: proxy).contains("b\(number)")
        },
        Operation("destroy a bucket") { matrix in
            let name = "b\(matrix.number)"
            try matrix.ensure("\(name) is there") { url in
                "-X POST -d '{\"action\":\"createlb\"}' \(url)/v1/buckets/\(name)"
            } until: {
                try $0.cluster.buckets(at: FaultMatrix.via).contains(name)
            }
        } request: { matrix, url in
            "-X DELETE -d '{\"action\":\"destroylb\"}' \(url)/v1/buckets/b\(matrix.number)"
        } isDone: { matrix, number, proxy in
            try !matrix.cluster.buckets(at: proxy).contains("b\(number)")
        },
        Operation("a batch") { matrix, url in
            let changes = ["x", "y"].map {
                "{\"action\":\"createlb\",\"name\":\"b\(matrix.number)\($0)\"}"
            }.joined(separator: ",")
            return "-X PUT -d '{\"action\":\"batch\",\"value\":[\(changes)]}' \(url)/v1/cluster"
        } isDone: { matrix, number, proxy in
            let there = try matrix.cluster.buckets(at: proxy)
            let found = ["x", "y"].filter { there.contains("b\(number)\($0)") }
            #expect(found.count != 1, "half of a batch at \(proxy)")
            return found.count == 2
        },
    ]

    // MARK: The map

    private static let membership = ["t3", "p5"].flatMap { node in
        [
            Operation("unregister \(node)") {
                try $0.put(node, onMap: true)
            } request: { _, url in
                "-X DELETE \(url)/v1/cluster/daemon/\(node)"
            } isDone: { matrix, _, proxy in
                try matrix.flags(of: node, at: proxy) == nil
            },
            Operation("register \(node)") {
                try $0.put(node, onMap: false)
            } request: { matrix, url in
                matrix.registration(of: node, url)
            } isDone: { matrix, _, proxy in
                try matrix.flags(of: node, at: proxy) != nil
            },
        ]
    }

    private static let maintenance = [true, false].map { isStart in
        Operation(isStart ? "start-maintenance" : "stop-maintenance") { matrix in
            try matrix.put("t3", onMap: true)
            try matrix.ensure("t3 is \(isStart ? "in service" : "in maintenance")") { url in
                FaultMatrix.maintenance(!isStart, url)
            } until: {
                try $0.isInMaintenance("t3", at: FaultMatrix.via) != isStart
            }
        } request: { _, url in
            FaultMatrix.maintenance(isStart, url)
        } isDone: { matrix, _, proxy in
            try matrix.isInMaintenance("t3", at: proxy) == isStart
        }
    }

    // MARK: The configuration

    private static let settings = [
        Operation("set an option of the cluster") { matrix, url in
            "-X PUT '\(url)/v1/cluster/setconfig?list_timeout=\(10_000 + matrix.number)ms'"
        } isDone: { matrix, number, proxy in
            try matrix.configuration(at: proxy).contains("\(10_000 + number)")
        },
        Operation("reset an option of the cluster") { matrix in
            let value = "\(10_000 + matrix.number)"
            try matrix.ensure("it is set") { url in
                "-X PUT '\(url)/v1/cluster/setconfig?list_timeout=\(value)ms'"
            } until: {
                try $0.configuration(at: FaultMatrix.via).contains(value)
            }
        } request: { _, url in
            "-X PUT '\(url)/v1/cluster/reset-config?list_timeout'"
        } isDone: { matrix, number, proxy in
            try !matrix.configuration(at: proxy).contains("\(10_000 + number)")
        },
        Operation("set an option of a node") { matrix in
            try matrix.put("t3", onMap: true)
        } request: { matrix, url in
            "-X PUT '\(url)/v1/cluster/setconfig?periodic.stats_time=\(100 + matrix.number)s&node=t3'"
        } isDone: { matrix, number, proxy in
            try matrix.history(of: number, at: proxy).contains("\"after\":\"\(100 + number)s\"")
        },
    ]

    // MARK: The rest

    private static let others = [
        Operation("start a rebalance") { matrix, url in
            "-X PUT -d '{\"action\":\"start\",\"value\":{\"kind\":\"rebalance\"}}' \(url)/v1/cluster"
        } isDone: { matrix, number, proxy in
            try matrix.history(of: number, at: proxy).contains("rebalance")
        },
        Operation("stop a rebalance") { matrix in
            let before =
                try matrix.json("daemon?what=rmd", at: FaultMatrix.via)["version"] as? Int ?? 0
            try matrix.ensure("there is one") { url in
                "-X PUT -d '{\"action\":\"start\",\"value\":{\"kind\":\"rebalance\"}}' \(url)/v1/cluster"
            } until: {
                let now = try $0.json("daemon?what=rmd", at: FaultMatrix.via)["version"] as? Int
                return now ?? 0 > before
            }
        } request: { _, url in
            "-X PUT -d '{\"action\":\"stop\",\"value\":{\"kind\":\"rebalance\"}}' \(url)/v1/cluster"
        } isDone: { matrix, _, proxy in
            try matrix.json("daemon?what=rmd", at: proxy)["stopped"] != nil
        },
        Operation(
            "set-primary", request: { "-X PUT \($1)/v1/cluster/proxy/\($0.heir)" }, isDone: nil),
    ]
}

extension FaultMatrix {
    /// A voter that does not lead; of two always the same.
    var heir: String {
        let leader = Self.voters.first { (try? cluster.role($0)) == "leader" }
        return Self.voters.first { $0 != leader } ?? "p1"
    }

    /// A node's flags on the map; `nil` when it is not there.
    func flags(of node: String, at proxy: String) throws -> Int? {
        let map = try json("daemon?what=smap", at: proxy)
        let nodes = map[node.hasPrefix("p") ? "pmap" : "tmap"] as? [String: Any]
        guard let found = nodes?[node] as? [String: Any] else { return nil }
        if let number = found["flags"] as? Int { return number }
        return Int(found["flags"] as? String ?? "") ?? 0
    }

    func isInMaintenance(_ node: String, at proxy: String) throws -> Bool {
        try (flags(of: node, at: proxy) ?? 0) & 4 != 0
    }

    static func maintenance(_ isStart: Bool, _ url: String) -> String {
        "-X PUT -d '{\"action\":\"\(isStart ? "start" : "stop")maintenance\",\"value\":"
            + "{\"sid\":\"t3\",\"skip_rebalance\":true}}' \(url)/v1/cluster"
    }

    func registration(of node: String, _ url: String) -> String {
        let isProxy = node.hasPrefix("p")
        return
            "-X POST -d '{\"daemon_type\":\"\(isProxy ? "proxy" : "target")\",\"node_ip_addr\":\""
            + "\(cluster.lab.address(node))\",\"daemon_port\":\"8080\",\"daemon_id\":\"\(node)\"}' "
            + "'\(url)/v1/cluster/register\(isProxy ? "?nel=true" : "")'"
    }

    func put(_ node: String, onMap isWanted: Bool) throws {
        try ensure("\(node) is \(isWanted ? "on" : "off") the map") { url in
            isWanted
                ? registration(of: node, url) : "-X DELETE \(url)/v1/cluster/daemon/\(node)"
        } until: {
            try ($0.flags(of: node, at: Self.via) != nil) == isWanted
        }
    }

    func configuration(at proxy: String) throws -> String {
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/cluster?what=cluster_config'")
        guard reply.status == 200 else { throw Broken(description: "\(reply)") }
        return reply.body
    }

    /// What the history has of a request.
    func history(of number: Int, at proxy: String) throws -> String {
        let reply = try cluster.curl(
            "'\(cluster.url(proxy))/v1/cluster?what=history&request_id=matrix-\(number)'")
        guard reply.status == 200 else { throw Broken(description: "\(reply)") }
        return reply.body
    }
}
