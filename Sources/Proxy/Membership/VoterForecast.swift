import API
import Cluster
import Consensus

/// How the voting proxies would change if the map had other proxies, and whether a majority lives at every step of
/// the way. Pure.
struct VoterForecast: Equatable {
    let now: Configuration
    /// Where ``GroupPlan`` comes to rest.
    let then: Configuration
    /// The first group on the way of which no majority lives: the change would be committed by nobody.
    let stuck: Configuration?
    private let missing: Set<MemberID>

    /// - Parameters:
    ///   - proxies: as the map would have them.
    ///   - group: as it is.
    ///   - missing: members that are not heard.
    init(_ proxies: [Node], _ group: Configuration, missing: Set<MemberID>) {
        var present = group
        var stuck: Configuration?
        // Every proxy is added, promoted, demoted and removed once at most.
        for _ in 0..<(4 * (proxies.count + group.members.count) + 1) {
            // Who is not known to be missing is as good as the others.
            let living = present.learners.filter { !missing.contains($0) }.map { ($0, Index.zero) }
            let change = GroupPlan.next(
                proxies, present, living: Dictionary(uniqueKeysWithValues: living))
            guard let change else { break }
            present = present.after(change)
            if stuck == nil, Self.survives(present, missing) < 0 { stuck = present }
        }
        now = group
        then = present
        self.stuck = stuck
        self.missing = missing
    }

    /// How many more voters may fail; below zero, so many have to come back.
    private static func survives(_ group: Configuration, _ missing: Set<MemberID>) -> Int {
        group.voters.count { !missing.contains($0) } - group.quorum
    }

    /// Who votes then and does not now, in a sentence; `nil` when the same vote.
    func change(_ name: (MemberID) -> String) -> String? {
        let lost = now.voters.filter { !then.isVoter($0) }.map(name).sorted()
        let gained = then.voters.filter { !now.isVoter($0) }.map(name).sorted()
        guard !lost.isEmpty || !gained.isEmpty else { return nil }
        guard lost.isEmpty || gained.isEmpty else {
            return "\(Text.list(gained)) \(gained.count == 1 ? "votes" : "vote") in place of "
                + Text.list(lost)
        }
        return "\(now.voters.count) proxies vote now, \(then.voters.count) then"
    }

    /// The same for people, who know members as nodes.
    func voters(_ name: (MemberID) -> String) -> Survival.Voters {
        Survival.Voters(
            now: now.voters.count, then: then.voters.count,
            survivesNow: max(0, Self.survives(now, missing)),
            survivesThen: max(0, Self.survives(then, missing)),
            missing: now.voters.filter { missing.contains($0) }.map(name).sorted(),
            hasMajorityThen: Self.survives(then, missing) >= 0)
    }
}

extension Configuration {
    /// The group behind a change.
    fileprivate func after(_ change: MembershipChange) -> Configuration {
        let member = change.member
        let voters = voters.filter { $0 != member }
        let learners = learners.filter { $0 != member }
        return switch change {
        case .promote: Configuration(voters: voters + [member], learners: learners)
        case .addLearner, .demote: Configuration(voters: voters, learners: learners + [member])
        case .remove: Configuration(voters: voters, learners: learners)
        }
    }
}
