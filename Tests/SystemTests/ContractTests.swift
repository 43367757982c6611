import Foundation
import Testing

/// The OpenAPI document against the servers that serve it: `ClusterScripts/contract`, with schemathesis from PyPI.
@Suite(.serialized) struct ContractTests {
    /// Where the tools cannot be had the test is left out, and counted as skipped.
    private static let hasTools: Bool = {
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
            // One seed, so that a failure is one of the change that was made; `ClusterScripts/contract` draws another each time.
            let seed = 20_261_124
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
