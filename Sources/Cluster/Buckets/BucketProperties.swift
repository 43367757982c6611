public import Base

/// What a bucket is set to (AIS: Bprops).
public struct BucketProperties: Equatable, Sendable {
    /// The longest duration, and any other text among them, in bytes.
    public static let textBytesMax = 64

    public struct Versioning: Equatable, Sendable {
        public var enabled = true
        public var validateWarmGet = false

        public init() {}
    }

    public struct Checksum: Equatable, Sendable {
        public var type = ChecksumType.xxhash
        public var validateColdGet = true
        public var validateWarmGet = false
        public var validateObjectMove = false
        public var enableReadRange = false

        public init() {}
    }

    /// Eviction by least recent use; the watermarks are percent of a disk's capacity.
    public struct LRU: Equatable, Sendable {
        public var lowWatermark: UInt8 = 75
        public var highWatermark: UInt8 = 90
        public var outOfSpace: UInt8 = 95
        /// Durations keep AIStore's text (`120m`), which is also what clients are shown.
        public var dontEvictTime = "120m"
        public var capacityUpdateTime = "10m"
        public var enabled = true

        public init() {}
    }

    public struct Mirror: Equatable, Sendable {
        public var copies: UInt32 = 2
        public var burstBuffer: UInt32 = 512
        public var utilizationThreshold: UInt8 = 20
        public var optimizePut = false
        public var enabled = false

        public init() {}
    }

    public struct ErasureCoding: Equatable, Sendable {
        public var objectSizeLimit: UInt64 = 262_144
        public var compression = "never"
        public var dataSlices: UInt32 = 1
        public var paritySlices: UInt32 = 1
        public var batchSize: UInt32 = 64
        public var enabled = false

        public init() {}
    }

    public var versioning = Versioning()
    public var checksum = Checksum()
    public var lru = LRU()
    public var mirror = Mirror()
    public var erasureCoding = ErasureCoding()
    public var writePolicy = WritePolicy.durable
    public var access = AccessMask.all
    /// Names this incarnation of the bucket: the bucket map's version that introduced it, with bit 63 set
    /// for buckets of this cluster.
    public var id: UInt64 = 0
    public var created = Timestamp(nanoseconds: 0)

    public init() {}
}

/// How an object's bytes are checked.
public enum ChecksumType: String, Sendable, CaseIterable {
    case none
    case xxhash
    case md5
    case crc32c
    case sha256
    case sha512
}

/// What a PUT's acknowledgement promises.
public enum WritePolicy: String, Sendable, CaseIterable {
    /// Bytes and name survive power loss.
    case durable
    /// Bytes and name survive the death of the process; the kernel writes them out in its own time.
    case delayed
}

/// Which operations a bucket permits, one bit each.
public struct AccessMask: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static let get = AccessMask(rawValue: 0x1)
    public static let headObject = AccessMask(rawValue: 0x2)
    public static let put = AccessMask(rawValue: 0x4)
    public static let append = AccessMask(rawValue: 0x8)
    public static let download = AccessMask(rawValue: 0x10)
    public static let deleteObject = AccessMask(rawValue: 0x20)
    public static let renameObject = AccessMask(rawValue: 0x40)
    public static let promote = AccessMask(rawValue: 0x80)
    public static let headBucket = AccessMask(rawValue: 0x100)
    public static let listObjects = AccessMask(rawValue: 0x200)
    public static let renameBucket = AccessMask(rawValue: 0x400)
    public static let patch = AccessMask(rawValue: 0x800)
    public static let destroyBucket = AccessMask(rawValue: 0x8000)
    public static let all = AccessMask(rawValue: .max)
}
