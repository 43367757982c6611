import Foundation
import TestSupport
import Testing

/// Nodes ended and started by curl's lines, with real processes.
@Suite(.serialized) struct NodeOperationTests {
    private static let shutdown = #"-X PUT -d '{"action":"shutdown"}'"#

    private static func waitUntilEnded(_ ids: [String], _ cluster: SystemCluster) throws {
        try waitUntil("\(ids.joined(separator: ", ")) end") {
            try ids.allSatisfy { kill(pid_t(try cluster.node($0).pid), 0) != 0 }
        }
    }

    @Test func `proxies that are shut down one after another under writes lose nothing`() throws {
        try SystemCluster.with { cluster in
            let urls = try cluster.nodes("proxy").map(\.url)
            let all = urls.joined(separator: ",")
            #expect(try cluster.create("load", at: urls[0]).status == 200)
            let records = ["objects", "buckets"].map { "\(cluster.directory)/\($0).record" }
            let loads = [
                try BackgroundLoad(
                    "put --url \(all) --bucket load --through-redirect --concurrency 4 "
                        + "--duration 12s", record: records[0]),
                try BackgroundLoad(
                    "bucket-create --url \(all) --concurrency 2 --duration 12s",
                    record: records[1]),
            ]
            for round in 1...3 {
                usleep(500_000)
                let primary = try cluster.primary()
                let url = try cluster.node(primary).url
                let reply = try cluster.curl("\(Self.shutdown) '\(url)/v1/daemon'")
                #expect(reply.status == 200, "round \(round), \(primary): \(reply.body)")
                try Self.waitUntilEnded([primary], cluster)
                try cluster.must("restart \(primary)")
                try cluster.waitUntilSettled()
            }
            for load in loads {
                let (status, output) = load.finish()
                #expect(status == 0, "\(output)")
            }
            for record in records {
                let check = try Shell.run(
                    "\(Shell.martlet) load verify --url \(all) --record \(record)")
                #expect(check.status == 0, "\(check.output)")
                #expect(
                    !check.output.contains("verified 0 buckets and 0 objects"), "\(check.output)")
            }
        }
    }

    @Test func `a cluster that is shut down under writes resumes with everything`() throws {
        try SystemCluster.with { cluster in
            let proxies = try cluster.nodes("proxy")
            let all = proxies.map(\.url).joined(separator: ",")
            let record = "\(cluster.directory)/objects.record"
            #expect(try cluster.create("load", at: proxies[0].url).status == 200)
            let load = try BackgroundLoad(
                "put --url \(all) --bucket load --through-redirect --concurrency 4 "
                    + "--duration 4s", record: record)
            usleep(1_500_000)
            let before = try cluster.curl("'\(proxies[0].url)/v1/daemon?what=smap'")
            let asked = try #require(proxies.last { $0.id != (try? cluster.primary()) })
            let reply = try cluster.curl("\(Self.shutdown) '\(asked.url)/v1/cluster'")
            #expect(reply.status == 200 && reply.body.isEmpty, "\(reply)")
            try Self.waitUntilEnded(try cluster.nodes().map(\.id), cluster)
            _ = load.finish()
            try cluster.start()
            try cluster.waitUntilSettled()
            let after = try cluster.curl("'\(proxies[0].url)/v1/daemon?what=smap'")
            for id in try cluster.nodes().map(\.id) {
                #expect(after.says("\"\(id)\":") && before.says("\"\(id)\":"))
            }
            let check = try Shell.run(
                "\(Shell.martlet) load verify --url \(all) --record \(record)")
            #expect(check.status == 0, "\(check.output)")
            #expect(!check.output.contains("verified 0 buckets and 0 objects"), "\(check.output)")
        }
    }

    @Test func `a target that is shut down leaves the map and comes back with its objects`() throws
    {
        try SystemCluster.with { cluster in
            let url = try cluster.nodes("proxy")[0].url
            #expect(try cluster.create("b", at: url).status == 200)
            for object in 1...20 {
                let put = try cluster.curl("-X PUT -d \(object) '\(url)/v1/objects/b/o\(object)'")
                #expect(put.status == 200)
            }
            let t1 = try cluster.node("t1").url
            let dry = try cluster.curl("\(Self.shutdown) '\(t1)/v1/daemon?dry_run=true'")
            #expect(dry.says(#""verdict":"unsafe""#) && dry.says("answer 404"), "\(dry.body)")
            #expect(try cluster.curl("\(Self.shutdown) '\(t1)/v1/daemon'").status == 200)
            try Self.waitUntilEnded(["t1"], cluster)
            #expect(try !cluster.curl("'\(url)/v1/daemon?what=smap'").says(#""t1":"#))
            try cluster.must("restart t1")
            try cluster.waitUntilSettled()
            for object in 1...20 {
                let get = try cluster.curl("'\(url)/v1/objects/b/o\(object)'")
                #expect(get.status == 200 && get.body == "\(object)", "\(get)")
            }
        }
    }

    @Test
    func `mountpaths disabled and enabled under load lose nothing, and a restart keeps the set`()
        throws
    {
        try SystemCluster.with { cluster in
            let all = try cluster.nodes("proxy").map(\.url).joined(separator: ",")
            let url = try cluster.nodes("proxy")[0].url
            #expect(try cluster.create("load", at: url).status == 200)
            let record = "\(cluster.directory)/objects.record"
            let load = try BackgroundLoad(
                "put --url \(all) --bucket load --through-redirect --concurrency 4 --objects 300 "
                    + "--duration 8s", record: record)
            let targets = try cluster.nodes("target")
            func change(_ action: String, _ number: Int) throws -> SystemCluster.Reply {
                let target = targets[number % targets.count]
                let path = "\(cluster.directory)/mountpaths/\(target.id)/mp\(number % 2 + 1)"
                return try cluster.curl(
                    "-X POST -d '{\"action\":\"\(action)\",\"value\":\"\(path)\"}' "
                        + "'\(target.url)/v1/daemon/mountpaths'")
            }
            for number in 1...6 {
                let disabled = try change("disable", number)
                #expect(disabled.status == 200, "\(disabled)")
                usleep(500_000)
                let enabled = try change("enable", number)
                #expect(enabled.status == 200, "\(enabled)")
            }
            #expect(try change("disable", 1).status == 200)
            _ = load.finish()
            let victim = targets[1].id
            try cluster.must("kill \(victim)")
            try cluster.must("restart \(victim)")
            try cluster.waitUntilSettled()
            let list = try cluster.curl("'\(targets[1].url)/v1/daemon?what=mountpaths'")
            #expect(list.says("\"disabled\":[\"") && list.says("mp2\"]"), "\(list.body)")
            #expect(try change("enable", 1).status == 200)
            let check = try Shell.run(
                "\(Shell.martlet) load verify --url \(all) --record \(record)")
            #expect(check.status == 0, "\(check.output)")
            #expect(!check.output.contains("verified 0 buckets and 0 objects"), "\(check.output)")
        }
    }
}
