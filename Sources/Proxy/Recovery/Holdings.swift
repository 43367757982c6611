import Base
import Cluster
import HTTP

/// What a state holds, by name: enough to say what one log has that another lacks, and small enough to be sent.
struct Holdings: Equatable, Sendable {
    /// Bucket to its life (id and creation time): one that was destroyed and made again is another.
    var buckets: [String: String] = [:]
    /// Option, or `node/option`, to its value.
    var settings: [String: String] = [:]
    /// Node to its role and address.
    var nodes: [String: String] = [:]
    /// The state had more names than are kept here; those missing are compared by nobody.
    var isPartial = false

    /// A hundred bytes each: far below what an answer may have, and more buckets than people read through.
    static let namesMax = 5_000

    init() {}

    init(_ state: ClusterState) {
        for (bucket, properties) in state.buckets.buckets {
            guard buckets.count < Self.namesMax else {
                isPartial = true
                break
            }
            buckets[bucket.description] =
                "\(String(properties.id, radix: 16))@\(properties.created.nanoseconds)"
        }
        for (name, setting) in state.config.settings { settings[name] = setting.value }
        for (node, own) in state.config.nodes {
            for (name, setting) in own { settings["\(node)/\(name)"] = setting.value }
        }
        for node in state.map.nodes.values {
            nodes[node.id.text] = Self.text(node.role) + "\(node.address)"
        }
    }

    private static func text(_ role: NodeRole) -> String { "\(role.text) at " }

    /// Where the proxies are, in order of their ids.
    var proxies: [Endpoint] {
        let start = Self.text(.proxy)
        return nodes.sorted { $0.key < $1.key }.filter { $0.value.hasPrefix(start) }
            .compactMap { try? Endpoint(String($0.value.dropFirst(start.count))) }
    }

    /// What a state has that another lacks, or has otherwise; sorted names.
    struct Difference: Equatable, Sendable {
        var buckets: [String] = []
        var settings: [String] = []
        var nodes: [String] = []

        var isEmpty: Bool { buckets.isEmpty && settings.isEmpty && nodes.isEmpty }
        var count: Int { buckets.count + settings.count + nodes.count }
    }

    /// What is here and not, or not so, in `other`.
    func missing(in other: Holdings) -> Difference {
        // Where names were left out, only those are known to be missing that come before the last one kept.
        let last = other.isPartial ? other.buckets.keys.max() ?? "" : nil
        return Difference(
            buckets: Self.missing(buckets, in: other.buckets).filter { name in
                last.map { name <= $0 } ?? true
            },
            settings: Self.missing(settings, in: other.settings),
            nodes: Self.missing(nodes, in: other.nodes))
    }

    private static func missing(
        _ some: [String: String], in other: [String: String]
    ) -> [String] {
        some.filter { other[$0.key] != $0.value }.map(\.key).sorted()
    }
}
