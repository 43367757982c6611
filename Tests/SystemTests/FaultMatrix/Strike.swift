import Foundation
import TestSupport
import Testing

/// Brings a request to a step by holding up what lies behind it, and strikes its primary there.
struct Strike {
    let matrix: FaultMatrix
    let primary: String
    let others: [String]
    let entry: String
    let id: String

    private var cluster: LabCluster { matrix.cluster }
    private static let held = "t1"

    /// Starts the request and returns when it is there, or has its answer.
    func arrange(_ step: Cell.Step, before request: Call) throws {
        switch step {
        case .unread:
            try cluster.signal(primary, SIGSTOP)
            try request.send()
            let sender = cluster.lab.address(entry == primary ? "c" : entry)
            try reach("it lies there", request) {
                try cluster.lab.unread(on: primary, from: sender) > 0
            }
        case .proposed:
            try cluster.lab.separate([primary], from: others)
            try request.send()
            // Without a majority it leads for a quarter of a second more.
            try reach("it is on one disk", request) {
                guard let log = try? end(of: primary) else { return true }
                return log.last > log.commit || log.role != "leader"
            }
        case .unheard:
            let before = try end(of: others[0]).last
            try cluster.lab.cut(from: others, to: [primary])
            try request.send()
            try reach("the others have it", request) {
                guard let log = try? end(of: others[0]) else { return true }
                return log.last > before
            }
        case .committed:
            try waitUntil("\(Self.held) has caught up") {
                try maps(of: Self.held) == maps(of: primary)
            }
            try cluster.signal(Self.held, SIGSTOP)
            try request.send()
            try reach("it is committed", request) {
                try matrix.look(for: id, at: others[0], isStale: true) == "applied"
            }
        case .answered:
            try request.send()
            try reach("it is answered", request) { false }
        }
    }

    func strike(_ fault: Cell.Fault) throws {
        switch fault {
        case .killed: try cluster.signal(primary, SIGKILL)
        case .paused: try cluster.signal(primary, SIGSTOP)
        case .partitioned:
            let rest = (cluster.proxies + cluster.targets + ["c"]).filter { $0 != primary }
            try cluster.lab.separate([primary], from: rest)
            // It may read now what it has, and go by what it knows.
            try cluster.signal(primary, SIGCONT)
        }
        try waitUntil("another leads", within: 30) {
            try others.contains { try cluster.role($0) == "leader" }
        }
    }

    func recover(_ fault: Cell.Fault) throws {
        try cluster.lab.heal()
        try cluster.signal(Self.held, SIGCONT)
        switch fault {
        case .killed: try cluster.start(primary)
        case .paused: try cluster.signal(primary, SIGCONT)
        case .partitioned: break
        }
        try matrix.settle()
        // What still lay in its socket is behind it, once it has served this.
        let marker = "after-\(id)"
        try waitUntil("\(primary) serves", within: 30) {
            let made = try cluster.create(marker, at: primary)
            return made.status == 200 || made.code == "bucket_exists"
        }
    }

    // MARK: Looking

    /// Whether the request is where it should be is looked at until it is answered: then it has gone further.
    private func reach(
        _ what: String, _ request: Call, _ isThere: () throws -> Bool
    ) throws {
        try waitUntil("\(id): \(what)", within: 25) {
            if request.isAnswered { return true }
            return try isThere()
        }
    }

    private struct Log: Decodable {
        let role: String
        let commit: Int
        let last: Int
    }

    private func end(of proxy: String) throws -> Log {
        let reply = try cluster.curl("'\(cluster.url(proxy))/v1/daemon?what=raft'", seconds: 2)
        return try JSONDecoder().decode(Log.self, from: Data(reply.body.utf8))
    }

    /// The maps that a node acts on.
    private func maps(of node: String) throws -> [String] {
        try ["smap", "bmd"].map {
            let reply = try cluster.curl("'\(cluster.url(node))/v1/daemon?what=\($0)'", seconds: 4)
            guard reply.status == 200 else { throw FaultMatrix.Broken(description: "\(reply)") }
            return reply.body
        }
    }
}

extension NetworkLab {
    /// Bytes that have come from an address to a host's port 8080 and that nobody has read.
    func unread(on host: String, from address: String) throws -> Int {
        try queues(on: host) { own, peer in own.hasSuffix(":8080") && peer.hasPrefix("\(address):")
        }
        .reduce(0) { $0 + $1.unread }
    }

    /// Connections to a host's port 8080 from an address on which lies what nobody has read.
    func unreadConnections(on host: String, from address: String) throws -> Int {
        try queues(on: host) { own, peer in own.hasSuffix(":8080") && peer.hasPrefix("\(address):")
        }
        .count { $0.unread > 0 }
    }

    /// Connections to a host's port 8080 from an address.
    func clients(of host: String, from address: String) throws -> Int {
        try queues(on: host) { own, peer in own.hasSuffix(":8080") && peer.hasPrefix("\(address):")
        }
        .count
    }

    /// Bytes on their way from a host to port 8080 of an address, which has not confirmed them.
    func unsent(on host: String, to address: String) throws -> Int {
        try queues(on: host) { _, peer in peer == "\(address):8080" }.reduce(0) { $0 + $1.unsent }
    }

    private func queues(
        on host: String, where isMeant: (_ own: Substring, _ peer: Substring) -> Bool
    ) throws -> [(unread: Int, unsent: Int)] {
        let sockets = try Shell.run("\(prefix(host)) ss -Htn").output
        return sockets.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 5, isMeant(words[3], words[4]) else { return nil }
            return (Int(words[1]) ?? 0, Int(words[2]) ?? 0)
        }
    }
}

extension LabCluster {
    /// What may happen to any node.
    func strike(_ node: String, _ fault: Cell.Fault) throws {
        switch fault {
        case .killed: try signal(node, SIGKILL)
        case .paused: try signal(node, SIGSTOP)
        case .partitioned:
            try lab.separate([node], from: (proxies + targets).filter { $0 != node })
        }
    }

    /// Takes it back; the node may need a moment.
    func mend(_ node: String, _ fault: Cell.Fault) throws {
        switch fault {
        case .killed: try start(node)
        case .paused: try signal(node, SIGCONT)
        case .partitioned: try lab.heal()
        }
    }
}
