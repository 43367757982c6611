package import Cluster

extension JSONWriter {
    /// The maps by which a node would vote (contract §8.5). `rmd` is that of a cluster that was never rebalanced.
    package mutating func voteBundle(_ state: ClusterState, isVoting: Bool) {
        object { json in
            json.key("smap")
            json.raw(state.map.document.dropLast())
            json.key("bucketmd")
            json.raw(state.bucketDocument.dropLast())
            json.key("rmd")
            json.object { $0.member("version", 0) }
            json.member("vote_in_progress", isVoting)
        }
    }
}
