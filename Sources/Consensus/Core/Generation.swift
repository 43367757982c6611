/// The incarnation of the cluster; only founding it and a forced recovery choose a new one.
///
/// Two operators who force both halves of a split cluster draw the same counter and different
/// nonces, so the two results can be told apart and are totally ordered: counter first, then nonce.
package struct Generation: Hashable, Comparable, Sendable {
    package var counter: UInt64
    package var nonce: UInt64

    package init(counter: UInt64, nonce: UInt64) {
        self.counter = counter
        self.nonce = nonce
    }

    /// A member that belongs to no cluster yet; it takes the generation of the first leader that
    /// writes to it.
    package static let none = Generation(counter: 0, nonce: 0)

    package static func < (left: Generation, right: Generation) -> Bool {
        (left.counter, left.nonce) < (right.counter, right.nonce)
    }
}

extension Generation: CustomStringConvertible {
    package var description: String {
        String(counter, radix: 16) + "-" + String(nonce, radix: 16)
    }
}
