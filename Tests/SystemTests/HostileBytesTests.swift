import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// Bytes of anybody on the routes between members, while a cluster of real processes works: it goes on.
@Suite(.serialized) struct HostileBytesTests {
    /// A connection of its own for each; what comes back is read until the other side closes, or two seconds.
    private static func shout(_ bytes: [UInt8], at url: String) -> (answer: String, isClosed: Bool)
    {
        guard let port = url.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            return ("", false)
        }
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(
            number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(
            number, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return ("", false) }
        var sent = 0
        while sent < bytes.count {
            let result = bytes[sent...].withUnsafeBytes {
                Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if result <= 0 { break }
            sent += result
        }
        shutdown(number, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while answer.count < 1 << 20 {
            let result = recv(number, &buffer, buffer.count, 0)
            if result == 0 { return (String(decoding: answer, as: UTF8.self), true) }
            if result < 0 {
                // A reset is an end as well; only silence is none.
                return (String(decoding: answer, as: UTF8.self), errno == ECONNRESET)
            }
            answer += buffer[..<result]
        }
        return (String(decoding: answer, as: UTF8.self), true)
    }

    private static func request(_ path: String, _ body: [UInt8], _ random: inout SeededRandom)
        -> [UInt8]
    {
        let head = "POST \(path) HTTP/1.1\r\nHost: x\r\n"
        guard Bool.random(using: &random) else {
            return Array("\(head)Content-Length: \(body.count)\r\nConnection: close\r\n\r\n".utf8)
                + body
        }
        // As streams are sent: in chunks, and the last one may never come.
        let size = String(body.count, radix: 16)
        let end = Bool.random(using: &random) ? "\r\n0\r\n\r\n" : "\r\n"
        return Array("\(head)Transfer-Encoding: chunked\r\n\r\n\(size)\r\n".utf8) + body
            + Array(end.utf8)
    }

    private static func memory(_ node: SystemCluster.Node) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(node.pid)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return Int(line.split(separator: " ").dropLast().last ?? "") ?? 0
    }

    @Test(arguments: [UInt64(1), 2])
    func `a cluster that is shouted at goes on, with what it has`(seed: UInt64) throws {
        try SystemCluster.with { cluster in
            let nodes = try cluster.nodes()
            let proxies = try cluster.nodes("proxy")
            let all = proxies.map(\.url).joined(separator: ",")
            #expect(try cluster.create("load", at: proxies[0].url).status == 200)
            let record = "\(cluster.directory)/objects.record"
            let load = try BackgroundLoad(
                "put --url \(all) --bucket load --through-redirect --concurrency 2 --duration 12s",
                record: record)
            let before = try Dictionary(
                uniqueKeysWithValues: nodes.map { ($0.id, ($0.pid, try Self.memory($0))) })
            let primary = try cluster.primary()
            let maps = try ["smap", "cluster_config"].map {
                try cluster.curl("'\(proxies[0].url)/v1/cluster?what=\($0)'").body
            }
            var random = SeededRandom(seed: seed)
            let paths = [
                "/v1/raft/stream", "/v1/log/follow?node=t9&after=0-0-0-0",
                "/v1/log/follow?node=t1&after=1-0-1-1", "/v1/log/followers",
                "/v1/cluster/mountpaths", "/v1/cluster/decommission", "/v1/daemon/recovery",
                "/v1/cluster/autoreg", "/v1/daemon/follow",
            ]
            let until = ContinuousClock.now + .seconds(9)
            var shouts = 0
            while ContinuousClock.now < until {
                let path = paths[shouts % paths.count]
                let node = nodes[Int.random(in: 0..<nodes.count, using: &random)]
                var body = (0..<Int.random(in: 0...2_000, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                switch Int.random(in: 0..<4, using: &random) {
                case 0: body = [255, 255, 63, 0] + body
                case 1: body = [60, 0, 0, 0, 2, 0] + body
                case 2: body = Array(#"{"daemon_id":"t1","proxy":"p1","followers":[["#.utf8) + body
                default: break
                }
                let (answer, isClosed) = Self.shout(Self.request(path, body, &random), at: node.url)
                #expect(isClosed, "\(node.id) \(path) neither answers nor closes")
                let status = Int(answer.split(separator: " ").dropFirst().first ?? "") ?? 0
                #expect(
                    answer.isEmpty || (200..<500).contains(status) || status == 501
                        || status == 503,
                    "\(node.id) \(path): \(answer.prefix(300))")
                shouts += 1
            }
            #expect(shouts > 20)
            let (status, output) = load.finish()
            #expect(status == 0, "\(output)")
            for node in try cluster.nodes() {
                let (pid, kilobytes) = try #require(before[node.id])
                #expect(node.pid == pid && kill(pid_t(pid), 0) == 0, "\(node.id) has ended")
                #expect(try Self.memory(node) < kilobytes + 200_000, "\(node.id)")
            }
            #expect(try cluster.primary() == primary)
            let after = try ["smap", "cluster_config"].map {
                try cluster.curl("'\(proxies[1].url)/v1/cluster?what=\($0)'").body
            }
            #expect(after == maps)
            let check = try Shell.run(
                "\(Shell.martlet) load verify --url \(all) --record \(record)")
            #expect(check.status == 0, "\(check.output)")
            #expect(try cluster.create("later", at: proxies[2].url).status == 200)
        }
    }
}
