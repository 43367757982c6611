import Cluster
import Consensus

/// Which change of the voting proxies comes next, from the map and the group as they are. Pure.
enum GroupPlan {
    /// How many proxies should vote, of so many that may.
    ///
    /// An even voter more does not survive one failure more, so above three it waits for a partner; but with
    /// two proxies both vote, because what only one has is lost with it.
    static func voters(of electable: Int) -> Int {
        switch electable {
        case ...3: electable
        case 4: 3
        case 5, 6: 5
        default: 7
        }
    }

    /// One step towards the group that the map describes; `nil` when it is there.
    ///
    /// What holds the log together comes first: a member whose node has a new disk is removed before that new
    /// member votes, so that a dead voter never raises the majority. For the same reason only learners are promoted
    /// that live: `living` tells how far those are that were heard a moment ago and have answered. One that does not
    /// live stands in nobody's way.
    static func next(
        _ map: ClusterMap, _ group: Configuration, living: [MemberID: Index]
    ) -> MembershipChange? {
        next(map.nodes(.proxy), group, living: living)
    }

    static func next(
        _ proxies: [Node], _ group: Configuration, living: [MemberID: Index]
    ) -> MembershipChange? {
        let proxies = proxies.filter { $0.member != 0 }
        guard !proxies.isEmpty else { return nil }
        let known = Set(proxies.map { MemberID($0.member) })
        let mayVote = Set(
            proxies.filter { !$0.flags.contains(.nonElectable) && $0.isActive }
                .map { MemberID($0.member) })

        if let fresh = known.filter({ !group.contains($0) }).min() { return .addLearner(fresh) }
        let heirs = group.learners.filter { mayVote.contains($0) && living[$0] != nil }
        let heir = heirs.max { (living[$0] ?? .zero, $1) < (living[$1] ?? .zero, $0) }
        if let leaving = group.voters.first(where: { !mayVote.contains($0) }) {
            // Somebody has to vote when it has gone.
            if group.voters.count == 1 { return heir.map { .promote($0) } }
            return known.contains(leaving) ? .demote(leaving) : .remove(leaving)
        }
        if let stale = group.learners.first(where: { !known.contains($0) }) {
            return .remove(stale)
        }
        // A dead learner is no partner for an even voter.
        if group.voters.count < voters(of: group.voters.count + heirs.count) {
            return heir.map { .promote($0) }
        }
        return nil
    }
}
