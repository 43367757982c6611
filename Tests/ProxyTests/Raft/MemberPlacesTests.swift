import Base
import Consensus
import Testing

@testable import Proxy

/// A member that speaks from two places (PC-11).
@Suite struct MemberPlacesTests {
    private let member = MemberID(7)
    private let places = MemberPlaces()
    private let home = "http://h:1"
    private let copy = "http://h:2"

    private func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 10_000_000_000 + milliseconds * 1_000_000)
    }

    @Test func `of two places at once the one on the map is believed, whoever came first`() {
        places.begin(member, at: copy, now: at(0))
        #expect(places.heard(member, at: copy, home: home, now: at(0)) == nil)
        places.begin(member, at: home, now: at(10))
        #expect(places.heard(member, at: home, home: home, now: at(10)) == nil)
        #expect(places.heard(member, at: copy, home: home, now: at(20)) == home)
        // Others with other names are none of its business.
        #expect(places.heard(MemberID(8), at: copy, home: home, now: at(20)) == nil)
    }

    @Test func `when the map has neither, the first one is`() {
        places.begin(member, at: home, now: at(0))
        places.begin(member, at: copy, now: at(10))
        #expect(places.heard(member, at: home, home: nil, now: at(20)) == nil)
        #expect(places.heard(member, at: copy, home: "http://h:3", now: at(20)) == home)
    }

    @Test
    func `one that has moved is heard at its new place, at once or when the old one is silent`() {
        places.begin(member, at: home, now: at(0))
        // Its host has died, and the connection does not know.
        places.begin(member, at: copy, now: at(900))
        #expect(places.heard(member, at: copy, home: home, now: at(900)) == home)
        #expect(places.heard(member, at: copy, home: home, now: at(1_100)) == nil)
        // Its process has ended, and the kernel has closed its streams.
        places.begin(member, at: home, now: at(2_000))
        places.end(member, at: home)
        places.end(member, at: home)
        #expect(places.heard(member, at: copy, home: home, now: at(2_000)) == nil)
    }
}
