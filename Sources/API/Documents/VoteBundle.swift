package import Cluster

extension JSONWriter {
    /// The maps by which a node would vote (contract §8.5).
    package mutating func voteBundle(_ state: ClusterState, isVoting: Bool) {
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
