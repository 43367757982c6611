package import Base

/// What a bucket is set to (AIS: Bprops).
package struct BucketProperties: Equatable, Sendable {
    package struct Versioning: Equatable, Sendable {
        package var enabled = true
        package var validateWarmGet = false

        package init() {}
    }

    package struct Checksum: Equatable, Sendable {
        package var type = ChecksumType.xxhash
        package var validateColdGet = true
        package var validateWarmGet = false
        package var validateObjectMove = false
        package var enableReadRange = false

        package init() {}
    }

    /// Eviction by least recent use; the watermarks are percent of a disk's capacity.
    package struct LRU: Equatable, Sendable {
        package var lowWatermark: UInt8 = 75
        package var highWatermark: UInt8 = 90
        package var outOfSpace: UInt8 = 95
        /// Durations keep AIStore's text (`120m`), which is also what clients are shown.
        package var dontEvictTime = "120m"
        package var capacityUpdateTime = "10m"
        package var enabled = true

        package init() {}
    }

    package struct Mirror: Equatable, Sendable {
        package var copies: UInt32 = 2
        package var burstBuffer: UInt32 = 512
        package var utilizationThreshold: UInt8 = 20
        package var optimizePut = false
        package var enabled = false

        package init() {}
    }

    package struct ErasureCoding: Equatable, Sendable {
        package var objectSizeLimit: UInt64 = 262_144
        package var compression = "never"
        package var dataSlices: UInt32 = 1
        package var paritySlices: UInt32 = 1
        package var batchSize: UInt32 = 64
        package var enabled = false

        package init() {}
    }

    package var versioning = Versioning()
    package var checksum = Checksum()
    package var lru = LRU()
    package var mirror = Mirror()
    package var erasureCoding = ErasureCoding()
    package var writePolicy = WritePolicy.durable
    package var access = AccessMask.all
    /// Names this incarnation of the bucket: the bucket map's version that introduced it, with bit 63 set
    /// for buckets of this cluster.
    package var id: UInt64 = 0
    package var created = Timestamp(nanoseconds: 0)

    package init() {}
}

/// How an object's bytes are checked.
package enum ChecksumType: String, Sendable, CaseIterable {
    case none
    case xxhash
    case md5
    case crc32c
    case sha256
    case sha512
}

/// What a PUT's acknowledgement promises.
package enum WritePolicy: String, Sendable, CaseIterable {
    /// Bytes and name survive power loss.
    case durable
    /// Bytes and name survive the death of the process; the kernel writes them out in its own time.
    case delayed
}

/// Which operations a bucket permits, one bit each.
package struct AccessMask: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let get = AccessMask(rawValue: 0x1)
    package static let headObject = AccessMask(rawValue: 0x2)
    package static let put = AccessMask(rawValue: 0x4)
    package static let append = AccessMask(rawValue: 0x8)
    package static let download = AccessMask(rawValue: 0x10)
    package static let deleteObject = AccessMask(rawValue: 0x20)
    package static let renameObject = AccessMask(rawValue: 0x40)
    package static let promote = AccessMask(rawValue: 0x80)
    package static let headBucket = AccessMask(rawValue: 0x100)
    package static let listObjects = AccessMask(rawValue: 0x200)
    package static let renameBucket = AccessMask(rawValue: 0x400)
    package static let patch = AccessMask(rawValue: 0x800)
    package static let destroyBucket = AccessMask(rawValue: 0x8000)
    package static let all = AccessMask(rawValue: .max)
}
