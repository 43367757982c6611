/// What a frame may be, so that a hostile length cannot make a reader allocate.
public enum WireLimits {
    /// A frame without its length field: one append of `Limits.appendBytesMax`, or one entry of
    /// `Limits.payloadBytesMax`, with room to spare.
    public static let frameBytesMax = 4 << 20
    public static let entriesMax = 4_096
    public static let urlBytesMax = 2_048
    public static let clusterBytesMax = 64
    public static let statePointsMax = 64
    public static let configurationBytesMax = 3 + 8 * 510
}
