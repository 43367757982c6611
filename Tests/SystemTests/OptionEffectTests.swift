import Foundation
import TestSupport
import Testing

/// Options that change what nodes do, with real processes.
@Suite(.serialized) struct OptionEffectTests {
    @Test func `objects of buckets that validate every GET are never sent damaged`() throws {
        try SystemCluster.with { cluster in
            let url = try cluster.nodes("proxy")[1].url
            #expect(try cluster.create("old", at: url).status == 200)
            let set = try cluster.curl(
                "-X PUT '\(url)/v1/cluster/setconfig?checksum.validate_warm_get=true'")
            #expect(set.status == 200, "\(set)")
            #expect(try cluster.create("new", at: url).status == 200)
            for bucket in ["old", "new"] {
                let put = try cluster.curl(
                    "-X PUT -d 'seven bytes' '\(url)/v1/objects/\(bucket)/o'")
                #expect(put.status == 200)
                #expect(try cluster.curl("'\(url)/v1/objects/\(bucket)/o'").body == "seven bytes")
            }
            let damaged = try Shell.run(
                """
                find '\(cluster.directory)/mountpaths' -path '*%ob/o' | while read -r file; do
                    printf '!' | dd of="$file" bs=1 seek=5 conv=notrunc status=none
                done
                """)
            #expect(damaged.status == 0, "\(damaged.output)")
            #expect(try cluster.curl("'\(url)/v1/objects/old/o'").body == "seven!bytes")
            for _ in 1...2 {
                let get = try cluster.curl("'\(url)/v1/objects/new/o'")
                #expect(get.status == 500 && get.says("checksum_mismatch"), "\(get)")
            }
            #expect(try cluster.curl("-X PUT -d again '\(url)/v1/objects/new/o'").status == 200)
            #expect(try cluster.curl("'\(url)/v1/objects/new/o'").body == "again")
        }
    }

    @Test func `what new buckets start with is what their objects meet`() throws {
        try SystemCluster.with { cluster in
            let url = try cluster.nodes("proxy")[1].url
            #expect(try cluster.create("old", at: url).status == 200)
            let set = try cluster.curl(
                "-X PUT '\(url)/v1/cluster/setconfig?validate_cold_get=false&versioning.enabled=false'"
            )
            #expect(set.status == 200, "\(set)")
            #expect(try cluster.create("new", at: url).status == 200)
            let wrong = "-H 'checksum.type: xxhash' -H 'checksum.value: 0123456789abcdef'"
            for (bucket, status) in [("old", 500), ("new", 200)] {
                let put = try cluster.curl(
                    "\(wrong) -X PUT -d text '\(url)/v1/objects/\(bucket)/o'")
                #expect(put.status == status, "\(bucket): \(put)")
                let good = try cluster.curl("-X PUT -d text '\(url)/v1/objects/\(bucket)/p'")
                #expect(good.status == 200)
                let head = try cluster.curl("-I '\(url)/v1/objects/\(bucket)/p'")
                #expect(head.says("\nversion: 1") == (bucket == "old"), "\(bucket): \(head)")
            }
            // What no bucket does cannot be had by any way, and nothing shows it.
            for query in ["lru.enabled=false", "mirror.copies=3", "ec.data_slices=2"] {
                let refused = try cluster.curl("-X PUT '\(url)/v1/cluster/setconfig?\(query)'")
                #expect(refused.status == 400 && refused.says("option_refused"), "\(refused)")
                #expect(refused.says("this build"), "\(refused)")
            }
        }
    }

    @Test func `no rebalance begins soon after the start of whoever is primary`() throws {
        try SystemCluster.with(targets: 2) { cluster in
            let start = #"-X PUT -d '{"action":"start","value":{"kind":"rebalance"}}'"#
            let url = try cluster.nodes("proxy")[0].url
            func set(_ time: String) throws {
                let reply = try cluster.curl(
                    "-X PUT '\(url)/v1/cluster/setconfig?rebalance.dont_run_time=\(time)'")
                #expect(reply.status == 200, "\(reply)")
            }
            #expect(try cluster.curl("\(start) '\(url)/v1/cluster'").body == "g1")
            try set("1h")
            let refused = try cluster.curl("\(start) '\(url)/v1/cluster'")
            #expect(refused.status == 400 && refused.says("dont_run_time"), "\(refused)")
            // It is part of the configuration, and the next primary heeds it.
            let primary = try cluster.primary()
            let other = try #require(try cluster.nodes("proxy").first { $0.id != primary })
            #expect(try cluster.curl("-X PUT '\(url)/v1/cluster/proxy/\(other.id)'").status == 200)
            #expect(try cluster.curl("\(start) '\(url)/v1/cluster'").status == 400)
            try set("0s")
            #expect(try cluster.curl("\(start) '\(url)/v1/cluster'").body == "g2")
        }
    }
}
