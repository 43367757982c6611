import Foundation
import TestSupport
import Testing

/// Nodes that leave for good, with real processes (decision 0028).
@Suite(.serialized) struct DecommissionTests {
    private static func decommission(
        _ id: String, _ more: String, at url: String, _ cluster: SystemCluster
    ) throws -> SystemCluster.Reply {
        try cluster.curl(
            "-X PUT -d '{\"action\":\"decommission-node\",\"value\":{\"sid\":\"\(id)\"\(more)}}' "
                + "'\(url)/v1/cluster'")
    }

    private static func hasEnded(_ id: String, _ cluster: SystemCluster) throws -> Bool {
        kill(pid_t(try cluster.node(id).pid), 0) != 0
    }

    private static func files(of id: String, _ cluster: SystemCluster) throws -> Int {
        let output = try Shell.run(
            "find '\(cluster.directory)/mountpaths/\(id)' -type f -path '*%ob*' | wc -l"
        ).output
        return Int(output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    /// Objects are what they are; these only have to be many, so that there is a middle to be killed in.
    private static func crowd(_ id: String, _ cluster: SystemCluster) throws {
        let made = try Shell.run(
            """
            for mp in '\(cluster.directory)/mountpaths/\(id)'/mp*; do
                mkdir -p "$mp/@ais/b/%ob/crowd" && cd "$mp/@ais/b/%ob/crowd" && \
                    seq 1 20000 | xargs -n 2000 touch || exit 1
            done
            """)
        try #require(made.status == 0, "\(made.output)")
    }

    @Test func `user data goes, whoever is killed meanwhile, and nobody else's does`() throws {
        try SystemCluster.with { cluster in
            let urls = try cluster.nodes("proxy").map(\.url)
            #expect(try cluster.create("b", at: urls[0]).status == 200)
            for object in 1...60 {
                let put = try cluster.curl(
                    "-X PUT -d x\(object) '\(urls[0])/v1/objects/b/o\(object)'")
                #expect(put.status == 200)
            }
            try Self.crowd("t1", cluster)
            let others = try ["t2", "t3"].map { try Self.files(of: $0, cluster) }
            #expect(try others.allSatisfy { $0 > 0 } && Self.files(of: "t1", cluster) > 40_000)
            let refused = try Self.decommission(
                "t1", #","rm_user_data":true"#, at: urls[1], cluster)
            #expect(refused.status == 400 && refused.says("objects_at_risk"), "\(refused)")
            #expect(try Self.files(of: "t1", cluster) > 40_000)
            let told = try Self.decommission(
                "t1", #","rm_user_data":true,"skip_rebalance":true"#, at: urls[1], cluster)
            #expect(told.status == 200 && told.body.isEmpty, "\(told)")
            // In the middle, its process is killed, and the primary with it.
            try waitUntil("it removes") {
                let left = try Self.files(of: "t1", cluster)
                return left > 0 && left < 39_000
            }
            try cluster.must("kill t1")
            let primary = try cluster.primary()
            try cluster.must("kill \(primary)")
            let left = try Self.files(of: "t1", cluster)
            #expect(left > 0, "it was killed in the middle")
            let asked = try #require(try cluster.nodes("proxy").first { $0.id != primary }).url
            try waitUntil("the order stands") {
                let shown = try cluster.curl("'\(asked)/v1/cluster?what=decommission'")
                return shown.says(#""phase":"removing""#)
                    && shown.says(#""unanswered":[{"id":"t1""#)
            }
            #expect(try cluster.curl("'\(asked)/v1/daemon?what=smap'").says(#""flags":8"#))
            #expect(try Self.files(of: "t1", cluster) == left)
            // It is down, and nobody waits for it.
            let listed = try cluster.curl(
                "-X POST -d '{\"action\":\"listobj\"}' '\(asked)/v1/buckets/b'")
            #expect(listed.status == 200, "\(listed)")
            try cluster.must("restart t1")
            try waitUntil("it has removed the rest, left the map and ended") {
                let shown = try cluster.curl("'\(asked)/v1/cluster?what=decommission'")
                return try shown.says(#""phase":"done""#) && Self.hasEnded("t1", cluster)
            }
            #expect(try !cluster.curl("'\(asked)/v1/daemon?what=smap'").says(#""t1":"#))
            let rest = try Shell.run(
                "find '\(cluster.directory)/mountpaths/t1' -mindepth 2 | head"
            ).output
            #expect(rest.isEmpty, "\(rest)")
            #expect(try ["t2", "t3"].map { try Self.files(of: $0, cluster) } == others)
            try cluster.must("restart \(primary)")
            // What was placed elsewhere before is where it was, and found: of three targets' objects those of two.
            try waitUntil("the others' objects are there") {
                let found = try (1...60).count {
                    let get = try cluster.curl("'\(asked)/v1/objects/b/o\($0)'")
                    return get.status == 200 && get.body == "x\($0)"
                }
                return found == others.reduce(0, +)
            }
            // Started again it is a new target, and empty.
            try cluster.must("restart t1")
            try cluster.waitUntilSettled()
            #expect(try cluster.curl("'\(asked)/v1/daemon?what=smap'").says(#""t1":"#))
            for object in 1...30 {
                let put = try cluster.curl("-X PUT -d y '\(asked)/v1/objects/b/n\(object)'")
                #expect(put.status == 200)
                #expect(try cluster.curl("'\(asked)/v1/objects/b/n\(object)'").body == "y")
            }
            #expect(try Self.files(of: "t1", cluster) > 0)
        }
    }

    @Test func `a proxy leaves and comes back, and a primary is not taken off`() throws {
        try SystemCluster.with(targets: 1) { cluster in
            let primary = try cluster.primary()
            let proxies = try cluster.nodes("proxy")
            let other = try #require(proxies.first { $0.id != primary })
            let url = try cluster.node(primary).url
            let refused = try Self.decommission(primary, "", at: other.url, cluster)
            #expect(refused.status == 400 && refused.says("is_primary"), "\(refused)")
            #expect(try cluster.create("b", at: other.url).status == 200)
            let gone = try Self.decommission(other.id, "", at: url, cluster)
            #expect(gone.status == 200 && gone.body.isEmpty, "\(gone)")
            try waitUntil("\(other.id) ends") { try Self.hasEnded(other.id, cluster) }
            #expect(try !cluster.curl("'\(url)/v1/daemon?what=smap'").says("\"\(other.id)\":"))
            try cluster.must("restart \(other.id)")
            try cluster.waitUntilSettled()
            #expect(try cluster.curl("'\(url)/v1/daemon?what=smap'").says("\"\(other.id)\":"))
            // The primary can go when it is none any more.
            #expect(try cluster.curl("-X PUT '\(url)/v1/cluster/proxy/\(other.id)'").status == 200)
            let left = try Self.decommission(
                primary, #","no_shutdown":true"#, at: other.url, cluster)
            #expect(left.status == 200, "\(left)")
            #expect(try !Self.hasEnded(primary, cluster))
            #expect(try cluster.create("c", at: other.url).status == 200)
        }
    }

    @Test func `a target that keeps its data comes back with it`() throws {
        try SystemCluster.with { cluster in
            let url = try cluster.nodes("proxy")[0].url
            #expect(try cluster.create("b", at: url).status == 200)
            for object in 1...20 {
                let put = try cluster.curl("-X PUT -d x '\(url)/v1/objects/b/o\(object)'")
                #expect(put.status == 200)
            }
            let files = try Self.files(of: "t2", cluster)
            let gone = try Self.decommission("t2", #","force":true"#, at: url, cluster)
            #expect(gone.status == 200, "\(gone)")
            try waitUntil("t2 ends") { try Self.hasEnded("t2", cluster) }
            #expect(try files > 0 && Self.files(of: "t2", cluster) == files)
            try cluster.must("restart t2")
            try cluster.waitUntilSettled()
            for object in 1...20 {
                #expect(try cluster.curl("'\(url)/v1/objects/b/o\(object)'").body == "x")
            }
            // Taken off and told to come back, without a restart (contract §6.3).
            #expect(try cluster.curl("-X DELETE '\(url)/v1/cluster/daemon/t2'").status == 200)
            #expect(try !cluster.curl("'\(url)/v1/daemon?what=smap'").says(#""t2":"#))
            let again = try cluster.curl("-X POST '\(try cluster.node("t2").url)/v1/daemon'")
            #expect(again.status == 200 && again.body.isEmpty, "\(again)")
            #expect(try cluster.curl("'\(url)/v1/daemon?what=smap'").says(#""t2":"#))
        }
    }
}
