import Base

/// Highest random weight: where an object lives, from the map alone.
///
/// Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998. Every node and every
/// disk gets a weight for the object, and the highest one wins; when one leaves, only its objects move. The
/// arithmetic is AIStore's bit by bit, so that disks written by it can be adopted in place.
public enum Placement {
    /// A target, with the digest of its id.
    public struct Candidate: Equatable, Sendable {
        public let id: NodeID
        public let digest: UInt64

        public init(id: NodeID, digest: UInt64) {
            self.id = id
            self.digest = digest
        }
    }

    /// The owner: the candidate whose weight for the object is highest.
    ///
    /// - Parameters:
    ///   - digest: the digest of the object's key (``ObjectKey/digest``).
    ///   - candidates: the active targets in id order; equal weights go to the later one.
    /// - Returns: its place in `candidates`; `nil` when there are none.
    /// - Complexity: O(candidates), without allocating.
    public static func owner(of digest: UInt64, among candidates: [Candidate]) -> Int? {
        var best: Int?
        var bestWeight: UInt64 = 0
        for place in candidates.indices {
            let weight = weight(candidates[place].digest, digest)
            if best == nil || weight >= bestWeight {
                best = place
                bestWeight = weight
            }
        }
        return best
    }

    /// The weight of one candidate for one object.
    public static func weight(_ candidate: UInt64, _ object: UInt64) -> UInt64 {
        mix(candidate ^ object)
    }

    /// Two SplitMix64 steps, then the output function of xoshiro256**.
    public static func mix(_ value: UInt64) -> UInt64 {
        let first = value &+ 0x9E37_79B9_7F4A_7C15
        var a = (first ^ first >> 30) &* 0xBF58_476D_1CE4_E5B9
        a = (a ^ a >> 27) &* 0x94D0_49BB_1331_11EB
        a ^= a >> 31
        // The second word starts from the first word, not from the generator's state: that is AIStore's order.
        var b = a &+ 0x9E37_79B9_7F4A_7C15
        b = (b ^ b >> 30) &* 0xBF58_476D_1CE4_E5B9
        b = (b ^ b >> 27) &* 0x94D0_49BB_1331_11EB
        b = (b ^ b >> 31) &* 5
        return (b << 7 | b >> 57) &* 9
    }

    /// The digest of a text that takes part in placement: a node id, a mountpath's path, an object's key.
    public static func digest(_ text: String) -> UInt64 {
        XXH64.digest(text, seed: XXH64.placementSeed)
    }
}
