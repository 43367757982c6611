import Base
import Cluster
import Consensus
import Testing

@testable import Proxy

/// Which change of the voting proxies comes next.
@Suite struct GroupPlanTests {
    /// A map with a proxy per member; those behind the bar may not vote.
    private func map(_ members: [UInt64], barred: Set<UInt64> = []) -> ClusterMap {
        var state = ClusterState()
        var changes: [StateRow.Change] = []
        var index: UInt64 = 0
        func apply(_ command: Command) {
            index += 1
            _ = state.apply(
                LogRecord(command, actor: "test"),
                at: LogPosition(generation: 1, nonce: 1, term: 1, index: index),
                time: Timestamp(nanoseconds: 1), changes: &changes)
        }
        for (place, member) in members.enumerated() {
            let node = Node(
                id: Sample.node("p\(place)"), role: .proxy,
                address: Sample.address(UInt16(1 + place)),
                flags: barred.contains(member) ? [.nonElectable] : [], member: member)
            apply(
                place == 0
                    ? .found(clusterID: "c", founder: node, generation: 1, nonce: 1)
                    : .setNode(node))
        }
        return state.map
    }

    private func group(_ voters: [UInt64], _ learners: [UInt64] = []) -> Configuration {
        Configuration(voters: voters.map(MemberID.init), learners: learners.map(MemberID.init))
    }

    /// The next change; all learners live and are equally far, unless said otherwise.
    private func next(
        _ map: ClusterMap, _ group: Configuration, living: [UInt64: UInt64]? = nil
    ) -> MembershipChange? {
        let far =
            living ?? Dictionary(uniqueKeysWithValues: group.learners.map { ($0.rawValue, 9) })
        return GroupPlan.next(
            map, group,
            living: Dictionary(
                uniqueKeysWithValues: far.map { (MemberID($0.key), Index($0.value)) }))
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (6, 5), (7, 7), (8, 7), (50, 7)])
    func `an even voter more is no voter more`(electable: Int, voters: Int) {
        #expect(GroupPlan.voters(of: electable) == voters)
    }

    @Test func `a new proxy learns first and votes then`() {
        #expect(next(map([1, 2]), group([1])) == .addLearner(MemberID(2)))
        #expect(next(map([1, 2]), group([1], [2])) == .promote(MemberID(2)))
        #expect(next(map([1, 2]), group([1, 2])) == nil)
    }

    @Test func `a fourth proxy waits for a fifth`() {
        #expect(next(map([1, 2, 3, 4]), group([1, 2, 3], [4])) == nil)
        #expect(
            next(map([1, 2, 3, 4, 5]), group([1, 2, 3], [4, 5]))
                == .promote(MemberID(4)))
    }

    /// A dead voter must go before its successor votes: four voters would need three.
    @Test func `a proxy with a new disk replaces its old member`() {
        let now = map([1, 2, 33])
        #expect(next(now, group([1, 2, 3])) == .addLearner(MemberID(33)))
        #expect(next(now, group([1, 2, 3], [33])) == .remove(MemberID(3)))
        #expect(next(now, group([1, 2], [33])) == .promote(MemberID(33)))
    }

    @Test func `a learner that does not live stands in nobody's way`() {
        // Two voters want a third.
        let now = map([1, 2, 4, 5])
        #expect(next(now, group([1, 2], [4, 5]), living: [5: 3]) == .promote(MemberID(5)))
        #expect(next(now, group([1, 2], [4, 5]), living: [4: 7, 5: 9]) == .promote(MemberID(5)))
        #expect(next(now, group([1, 2], [4, 5]), living: [:]) == nil)
        // Three voters want two more or none.
        let five = map([1, 2, 3, 4, 5])
        #expect(next(five, group([1, 2, 3], [4, 5]), living: [5: 9]) == nil)
        // The only voter may go when somebody can take its place.
        let leaving = map([1, 4, 5], barred: [1])
        #expect(next(leaving, group([1], [4, 5]), living: [5: 9]) == .promote(MemberID(5)))
        #expect(next(leaving, group([1], [4, 5]), living: [:]) == nil)
    }

    @Test func `who may not vote is a learner`() {
        let now = map([1, 2, 3], barred: [3])
        #expect(next(now, group([1, 2], [3])) == nil)
        #expect(next(now, group([1, 2, 3])) == .demote(MemberID(3)))
    }

    @Test func `before there is a map nothing changes`() {
        #expect(next(ClusterMap(), group([1])) == nil)
    }

    /// From any group of any members the plan ends, and where the map wants it.
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `every plan ends at the group that the map describes`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let members = Array(1...UInt64.random(in: 1...9, using: &random))
        let barred = Set(members.dropFirst().filter { _ in Bool.random(using: &random) })
        let now = map(members, barred: barred)
        let all = (1...12 as ClosedRange<UInt64>).shuffled(using: &random)
        let count = Int.random(in: 1...7, using: &random)
        var current = group(Array(all.prefix(count)), Array(all.dropFirst(count).prefix(3)))
        var steps = 0
        while let change = next(now, current) {
            let after = current.after(change)
            #expect(after != current && !after.voters.isEmpty)
            current = after
            steps += 1
            guard steps < 40 else {
                Issue.record("no end: \(current)")
                return
            }
        }
        #expect(Set(current.members) == Set(members.map(MemberID.init)))
        let wanted = GroupPlan.voters(of: members.count - barred.count)
        // More voters than are wanted do no harm; they are not driven out.
        #expect(current.voters.count >= wanted)
        #expect(barred.isDisjoint(with: current.voters.map(\.rawValue)))
    }
}
