import Base
package import Cluster

/// What differs between two versions of a map: `diff=M`. Items have the names that the map itself has for them.
package enum DifferenceDocument {
    /// Of cluster maps, with a newline behind it: nodes by id, and who is primary.
    package static func encoded(from before: ClusterMap, to after: ClusterMap) -> [UInt8] {
        var difference = StateDifference<NodeID, Node>()
        difference.add(from: before.nodes, to: after.nodes)
        return encoded(
            .smap, before.version, after.version, difference, \.text, { $0.value($2) },
            { json in
                guard before.primary != after.primary else { return }
                json.key("primary")
                json.object { json in
                    json.member("before", before.primary?.text ?? "")
                    json.member("after", after.primary?.text ?? "")
                }
            })
    }

    /// Of bucket maps: buckets as text (contract §3.2).
    package static func encoded(from before: BucketMap, to after: BucketMap) -> [UInt8] {
        var difference = StateDifference<Bucket, BucketProperties>()
        difference.add(from: before.buckets, to: after.buckets)
        return encoded(
            .bmd, before.version, after.version, difference, \.description,
            { $0.value($2, of: $1) })
    }

    /// Of what is set for the cluster, and for nodes.
    package static func encoded(from before: ClusterConfig, to after: ClusterConfig) -> [UInt8] {
        var difference = StateDifference<String, String>()
        func add(_ old: ClusterConfig.Settings?, _ new: ClusterConfig.Settings?, _ id: NodeID?) {
            let (old, new) = (old ?? .init(), new ?? .init())
            for name in Set(old.keys).union(new.keys).sorted() {
                difference.add(name, of: id, before: old[name]?.value, after: new[name]?.value)
            }
        }
        add(before.settings, after.settings, nil)
        for id in Set(before.nodes.keys).union(after.nodes.keys).sorted() {
            add(before.nodes[id], after.nodes[id], id)
        }
        return encoded(.config, before.version, after.version, difference, \.self, { $0.value($2) })
    }

    /// Of what a node acts on: every option has a value at any time.
    package static func encoded(from before: LayeredConfig, to after: LayeredConfig) -> [UInt8] {
        var difference = StateDifference<String, String>()
        for effect in before.effects(of: after) {
            difference.add(effect.name, before: effect.before, after: effect.after)
        }
        return encoded(.config, before.version, after.version, difference, \.self, { $0.value($2) })
    }

    // MARK: Writing

    private static func encoded<Name, Value>(
        _ what: VersionWait.Document, _ from: UInt64, _ to: UInt64,
        _ difference: StateDifference<Name, Value>, _ text: (Name) -> String,
        _ write: (inout JSONWriter, Name, Value) -> Void,
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + difference.items.count * 256)
        json.object { json in
            json.member("what", what.rawValue)
            json.member("from", String(from))
            json.member("to", String(to))
            let lists = [
                ("added", difference.added), ("removed", difference.removed),
                ("changed", difference.changed),
            ]
            for (key, items) in lists {
                json.key(key)
                json.array { json in
                    for item in items {
                        json.object { json in
                            json.member("name", text(item.name))
                            if let node = item.node { json.member("node", node.text) }
                            for (key, value) in [("before", item.before), ("after", item.after)] {
                                guard let value else { continue }
                                json.key(key)
                                write(&json, item.name, value)
                            }
                        }
                    }
                }
            }
            more(&json)
        }
        json.newline()
        return json.bytes
    }
}
