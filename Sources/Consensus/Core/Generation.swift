/// The incarnation of the cluster; only founding it and a forced recovery choose a new one.
///
/// Two operators who force both halves of a split cluster draw the same counter and different
/// nonces, so the two results can be told apart and are totally ordered: counter first, then nonce.
public struct Generation: Hashable, Comparable, Sendable {
    public var counter: UInt64
    public var nonce: UInt64

    public init(counter: UInt64, nonce: UInt64) {
        self.counter = counter
        self.nonce = nonce
    }

    /// A member that belongs to no cluster yet; it takes the generation of the first leader that
    /// writes to it.
    public static let none = Generation(counter: 0, nonce: 0)

    public static func < (left: Generation, right: Generation) -> Bool {
        (left.counter, left.nonce) < (right.counter, right.nonce)
    }
}

extension Generation: CustomStringConvertible {
    public var description: String {
        String(counter, radix: 16) + "-" + String(nonce, radix: 16)
    }
}
