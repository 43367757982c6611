import API
import Cluster
import Consensus
import Testing

@testable import Proxy

/// What becomes of the voters when the map has other proxies.
@Suite struct VoterForecastTests {
    private func proxies(_ members: UInt64...) -> [Node] {
        members.map {
            Node(
                id: Sample.node("p\($0)"), role: .proxy, address: Sample.address(UInt16($0)),
                member: $0)
        }
    }

    private func group(_ voters: UInt64...) -> Configuration {
        Configuration(voters: voters.map(MemberID.init))
    }

    private func missing(_ members: UInt64...) -> Set<MemberID> {
        Set(members.map(MemberID.init))
    }

    @Test func `two of three proxies that live decide without the third`() {
        let forecast = VoterForecast(proxies(1, 2), group(1, 2, 3), missing: [])
        #expect(forecast.stuck == nil && forecast.then == group(1, 2))
        let counts = forecast.voters { "\($0)" }
        #expect((counts.survivesNow, counts.survivesThen) == (1, 0))
        #expect(counts.hasMajorityThen)
        #expect(forecast.change { "p\($0)" } == "3 proxies vote now, 2 then")
    }

    /// One of the two that stay is dead: two voters need both.
    @Test func `a proxy does not leave those who cannot decide without it`() {
        let forecast = VoterForecast(proxies(1, 2), group(1, 2, 3), missing: missing(2))
        #expect(forecast.stuck == group(1, 2))
    }

    @Test func `a dead proxy may be taken off`() {
        let forecast = VoterForecast(proxies(1, 2), group(1, 2, 3), missing: missing(3))
        #expect(forecast.stuck == nil)
        let counts = forecast.voters { "p\($0)" }
        #expect((counts.survivesNow, counts.survivesThen) == (0, 0))
        #expect(counts.missing.count == 1)
    }

    /// Five proxies vote; of four, three do. On the way there are four voters, who need three.
    @Test func `every step on the way needs a majority that lives`() {
        let safe = VoterForecast(proxies(1, 2, 3, 4), group(1, 2, 3, 4, 5), missing: missing(4))
        #expect(safe.stuck == nil)
        let stuck = VoterForecast(proxies(1, 2, 3, 4), group(1, 2, 3, 4, 5), missing: missing(3, 4))
        #expect(stuck.stuck == group(1, 2, 3, 4))
        #expect(stuck.voters { "\($0)" }.hasMajorityThen == false)
    }

    /// The group has a learner to put in its place.
    @Test func `who votes in place of whom is told by name`() {
        let four = Configuration(
            voters: [1, 2, 3].map { MemberID($0) }, learners: [MemberID(4)])
        let forecast = VoterForecast(proxies(1, 2, 4), four, missing: [])
        #expect(forecast.change { "p\($0.rawValue)" } == "p4 votes in place of p3")
        let same = VoterForecast(proxies(1, 2, 3, 4), four, missing: [])
        #expect(same.change { "p\($0)" } == nil)
    }

    @Test func `the last voter stays`() {
        let forecast = VoterForecast([], group(1), missing: [])
        #expect(forecast.then == group(1))
    }
}
