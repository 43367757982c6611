import Base
import Consensus
import Synchronization

/// From where each member speaks. One that speaks from two places at once is two processes on copies of one data directory: both would
/// vote in its name (catalogue PC-11).
///
/// A member that has moved is heard at its new place only: its old process has ended, and with it its streams.
final class MemberPlaces: Sendable {
    private struct Place {
        var begun: MonotonicTime
        var heard: MonotonicTime
        var streams: Int
    }

    /// What is not heard for so long does not count: its host may have died with the connection open.
    static let silenceNanoseconds: UInt64 = 1_000_000_000

    private let places = Mutex<[MemberID: [String: Place]]>([:])

    /// A stream begins.
    func begin(_ member: MemberID, at url: String, now: MonotonicTime) {
        places.withLock { places in
            var place = places[member]?[url] ?? Place(begun: now, heard: now, streams: 0)
            place.streams += 1
            place.heard = now
            places[member, default: [:]][url] = place
        }
    }

    /// A stream has ended.
    func end(_ member: MemberID, at url: String) {
        places.withLock { places in
            guard var place = places[member]?[url] else { return }
            place.streams -= 1
            places[member]?[url] = place.streams > 0 ? place : nil
            if places[member]?.isEmpty == true { places[member] = nil }
        }
    }

    /// Notes that the member was heard there. Who is where the map has it (`home`) is believed.
    ///
    /// - Returns: the other place from which it speaks, if it is this one that must fall silent.
    func heard(
        _ member: MemberID, at url: String, home: String?, now: MonotonicTime
    ) -> String? {
        places.withLock { places in
            places[member]?[url]?.heard = now
            guard let known = places[member], known.count > 1, url != home,
                let own = known[url]
            else { return nil }
            return known.first { other, place in
                guard other != url, now.since(place.heard) < Self.silenceNanoseconds else {
                    return false
                }
                return other == home || (place.begun, other) < (own.begun, url)
            }?.key
        }
    }
}
