import Base
package import Cluster

extension ClusterMap {
    /// The cluster map as AIStore shows it (AIS: Smap, contract §8.2), with a newline behind it.
    package var document: [UInt8] {
        var json = JSONWriter(capacity: 512 + nodes.count * 512)
        json.object { json in
            for (key, role) in [("tmap", NodeRole.target), ("pmap", .proxy)] {
                json.key(key)
                json.object { json in
                    for node in nodes(role) {
                        json.key(node.id.text)
                        json.value(node)
                    }
                }
            }
            json.key("proxy_si")
            if let primary, let node = self[primary] {
                json.value(node)
            } else {
                json.null()
            }
            json.member("version", String(version))
            json.member("uuid", clusterID)
            json.member(
                "creation_time",
                TimeLayout.text(created, layout: "2006-01-02 15:04:05.999999999 -0700 MST"))
        }
        json.newline()
        return json.bytes
    }
}

extension BucketMap {
    /// Every bucket with its properties (AIS: BMD, contract §8.3), with a newline behind it.
    package func document(clusterID: String) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + buckets.count * 1_024)
        json.object { json in
            json.member("version", String(version))
            json.member("uuid", clusterID)
            json.key("providers")
            json.object { json in providers(&json) }
        }
        json.newline()
        return json.bytes
    }

    /// Buckets come in order of provider, namespace and name, so one pass groups them.
    private func providers(_ json: inout JSONWriter) {
        var groups: [(Provider, [(Namespace, [(Bucket, BucketProperties)])])] = []
        for (bucket, properties) in buckets {
            if groups.last?.0 != bucket.provider { groups.append((bucket.provider, [])) }
            let last = groups.count - 1
            if groups[last].1.last?.0 != bucket.namespace {
                groups[last].1.append((bucket.namespace, []))
            }
            groups[last].1[groups[last].1.count - 1].1.append((bucket, properties))
        }
        if groups.isEmpty { groups = [(.ais, [(.global, [])])] }
        for (provider, namespaces) in groups {
            json.key(provider.rawValue)
            json.object { json in
                for (namespace, buckets) in namespaces {
                    json.key(namespace.text)
                    json.object { json in
                        for (bucket, properties) in buckets {
                            json.key(bucket.name)
                            json.value(properties, of: bucket)
                        }
                    }
                }
            }
        }
    }

}

extension ClusterState {
    package var bucketDocument: [UInt8] { buckets.document(clusterID: map.clusterID) }

    /// The list of bucket names (contract §5.1), with a newline behind it.
    package func bucketNames(provider: Provider?, namespace: Namespace?) -> [UInt8] {
        var json = JSONWriter(capacity: 64 + buckets.buckets.count * 96)
        json.array { json in
            for (bucket, _) in buckets.buckets {
                if let provider, bucket.provider != provider { continue }
                if let namespace, bucket.namespace != namespace { continue }
                json.value(bucket)
            }
        }
        json.newline()
        return json.bytes
    }
}

extension JSONWriter {
    /// A bucket's identity (contract §3.2).
    package mutating func value(_ bucket: Bucket) {
        object { json in
            json.member("name", bucket.name)
            json.member("provider", bucket.provider.rawValue)
            json.key("namespace")
            json.object { json in
                json.member("uuid", bucket.namespace.uuid)
                json.member("name", bucket.namespace.name)
            }
        }
    }
}
