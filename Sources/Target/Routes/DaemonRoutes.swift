import API
import Cluster
import HTTP

/// `/v1/daemon`: what this target knows and is.
struct DaemonRoutes {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    private static let served = "smap, bmd, snode, mountpaths, status"
    private static let known: Set<String> = [
        "config", "smapvote", "stats", "sysinfo", "disk", "remote", "xaction",
    ]

    func respond(_ path: [String]) throws {
        guard exchange.request.method == .get else {
            throw Failure(
                .notImplemented,
                "\(exchange.request.method.name) /v1/daemon is not supported by this build",
                next: "GET /v1/daemon?what=…: \(Self.served)")
        }
        guard path.isEmpty else {
            throw Failure(
                .badPath, "invalid request: nothing stands below /v1/daemon for GET",
                next: "GET /v1/daemon?what=…: \(Self.served)")
        }
        let what = try query.value(QueryName.what) ?? ""
        switch what {
        case "smap": exchange.respond(document: try state().map.document)
        case "bmd", "bucketmd": exchange.respond(document: try state().bucketDocument)
        case "snode": respond { $0.value(plainNode) }
        case "mountpaths": respond { mountpaths(&$0) }
        case "status": try status()
        case let other where Self.known.contains(other):
            throw Failure(
                .notImplemented, "what=\(other) is not supported by this build",
                next: "available: \(Self.served)")
        default:
            throw Failure(
                .unknownDocument, what.isEmpty ? "no 'what' in the query" : "unknown what=\(what)",
                next: "available: \(Self.served)")
        }
    }

    private func state() throws -> ClusterState {
        let published = target.publisher.current
        guard published.isKnown else { throw Failure.starting }
        return published.state
    }

    /// Flags live in the cluster map (contract §8.1).
    private var plainNode: Node {
        Node(id: target.node.id, role: target.node.role, address: target.node.address)
    }

    private func mountpaths(_ json: inout JSONWriter) {
        json.object { json in
            json.key("available")
            let set = target.store.mountpaths
            json.array { json in for mountpath in set.all { json.value(mountpath.path) } }
            json.key("disabled")
            json.array { json in for entry in set.disabled { json.value(entry.path) } }
        }
    }

    /// Where the target stands, for people who look after it.
    private func status() throws {
        let published = target.publisher.current
        respond { json in
            json.object { json in
                json.key("snode")
                json.value(plainNode)
                json.member("smap_version", String(published.state.map.version))
                json.member("bmd_version", String(published.state.buckets.version))
                json.member("uuid", published.state.map.clusterID)
                json.member("position", published.state.position.text)
                json.member("state_hash", String(published.state.hash, radix: 16))
                json.member("following", target.status.proxy.map { "\($0)" } ?? "")
            }
        }
    }

    private func respond(_ body: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        body(&json)
        json.newline()
        exchange.respond(document: json.bytes)
    }
}
