import Foundation
import Testing

/// The OpenAPI document against the servers that serve it: `ClusterScripts/contract`, with schemathesis from PyPI.
@Suite(.serialized) struct ContractTests {
    /// Only where the tools cannot be had is the test left out, and never where the whole is judged (CI).
    private static let hasTools: Bool = {
        if ProcessInfo.processInfo.environment["CI"] != nil { return true }
        let result = try? Shell.run("timeout 900 '\(Shell.root)/ClusterScripts/contract' --install")
        if result?.status != 0 { print(result?.output ?? "ClusterScripts/contract does not run") }
        return result?.status == 0
    }()

    @Test(.enabled(if: hasTools, "schemathesis cannot be installed from PyPI"))
    func `no request finds a bug, an undocumented status or shape, or no answer`() throws {
        try SystemCluster.with(proxies: 2, targets: 1) { cluster in
            let proxy = try cluster.nodes("proxy")[0].url
            let target = try cluster.nodes("target")[0].url
            #expect(try cluster.create("contract", at: proxy).status == 200)
            let stored = try cluster.curl(
                "-X PUT --data-binary hello '\(proxy)/v1/objects/contract/o'")
            #expect(stored.status == 200)
            // The seed is printed, and a run with it repeats this one.
            let seed = UInt32.random(in: 0...UInt32.max)
            let result = try Shell.run(
                "timeout -k 10 600 '\(Shell.root)/ClusterScripts/contract' --seconds 35"
                    + " --seed \(seed) \(proxy) \(target)")
            #expect(result.status == 0, "seed \(seed)\n\(result.output)")
            // Nobody has left, or become deaf.
            try cluster.waitUntilSettled()
            #expect(try cluster.nodes().count == 3)
            for node in try cluster.nodes() {
                #expect(
                    try cluster.curl("'\(node.url)/v1/health?readiness=true'").status == 200,
                    "\(node.id)")
                let log = try String(contentsOfFile: node.log, encoding: .utf8)
                #expect(!log.contains("Fatal error"), "\(node.id)")
            }
        }
    }
}
