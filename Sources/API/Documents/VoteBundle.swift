package import Cluster

extension JSONWriter {
    /// The maps a node goes by, in short: `GET /v1/health?cii=true` (contract §8.5).
    package mutating func clusterInfo(_ state: ClusterState, isVoting: Bool) {
        let primary = state.map.primary.flatMap { state.map[$0] }
        object { json in
            json.key("bmd")
            json.object { json in
                json.member("version", String(state.buckets.version))
                json.member("uuid", state.map.clusterID)
            }
            json.key("smap")
            json.object { json in
                json.member("version", String(state.map.version))
                json.member("uuid", state.map.clusterID)
                json.key("Primary")
                json.object { json in
                    json.member("pub_url", primary?.address.url ?? "")
                    json.member("control_url", primary?.address.url ?? "")
                    json.member("id", primary?.id.text ?? "")
                }
                json.member("vote_in_progress", isVoting)
            }
        }
    }

    fileprivate mutating func voteBundle(_ state: ClusterState, isVoting: Bool) {
        object { json in
            json.key("smap")
            json.raw(state.map.document.dropLast())
            json.key("bucketmd")
            json.raw(state.bucketDocument.dropLast())
            json.key("rmd")
            json.object { json in
                if !state.rebalance.targets.isEmpty {
                    json.key("target_ids")
                    json.array { json in
                        for id in state.rebalance.targets { json.value(id.text) }
                    }
                }
                json.member("version", state.rebalance.version)
            }
            json.member("vote_in_progress", isVoting)
        }
    }
}

extension ClusterState {
    /// The maps by which a node would vote (contract §8.5).
    package func voteBundle(isVoting: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.voteBundle(self, isVoting: isVoting)
        json.newline()
        return json.bytes
    }
}
