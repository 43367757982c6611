/// How much room storage has, as far as it matters to the member (docs/decisions/0030).
public struct StorageSpace: Hashable, Sendable {
    /// Too little to take what can wait. Term and vote are written all the same, out of what is left or of the reserve.
    public var isShort: Bool
    /// Bytes that may still be written, the reserve not among them.
    public var freeBytes: UInt64
    /// Bytes kept for what must be written when no others are left; fewer than usual once they were needed.
    public var reserveBytes: UInt64

    public init(isShort: Bool, freeBytes: UInt64, reserveBytes: UInt64) {
        self.isShort = isShort
        self.freeBytes = freeBytes
        self.reserveBytes = reserveBytes
    }
}
