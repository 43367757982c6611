/// What a frame may be, so that a hostile length cannot make a reader allocate.
package enum WireLimits {
    /// A frame without its length field: one append of `Limits.appendBytesMax`, or one entry of
    /// `Limits.payloadBytesMax`, with room to spare.
    package static let frameBytesMax = 4 << 20
    package static let entriesMax = 4_096
    package static let urlBytesMax = 2_048
    package static let clusterBytesMax = 64
    package static let configurationBytesMax = 3 + 8 * 510
}
