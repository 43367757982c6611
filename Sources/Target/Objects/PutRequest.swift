import Cluster

/// What a PUT asks for, besides its bytes.
struct PutRequest: Sendable {
    let key: ObjectKey
    let incarnation: Incarnation
    let keepsVersions: Bool
    let isDurable: Bool
    /// Whether the bucket keeps checksums.
    let keepsChecksum: Bool
    /// The XXH64 that the client says the bytes have, in lower-case hexadecimal.
    let claimed: String?
    /// Whether ``claimed`` is compared with the bytes.
    let validates: Bool
    let custom: [ObjectAttributes.Metadata]

    init(
        _ key: ObjectKey, _ properties: BucketProperties, claimed: String?,
        custom: [ObjectAttributes.Metadata]
    ) {
        self.key = key
        self.claimed = claimed
        self.custom = custom
        incarnation = Incarnation(properties)
        keepsVersions = properties.versioning.enabled && key.bucket.provider == .ais
        isDurable = properties.writePolicy == .durable
        keepsChecksum = properties.checksum.type == .xxhash
        let checksum = properties.checksum
        validates =
            checksum.validateColdGet || checksum.validateWarmGet || checksum.validateObjectMove
    }

    /// Whether the bytes have to be hashed as they come.
    var hashes: Bool { keepsChecksum || (claimed != nil && validates) }

    func check(computed: String?, bytes: UInt64) throws(StoreError) {
        guard validates, let claimed, let computed, claimed != computed else { return }
        throw .checksumMismatch(given: claimed, computed: computed, bytes: bytes)
    }

    /// All but the version, which depends on what is there.
    func attributes(computed: String?, size: UInt64) -> ObjectAttributes {
        var attributes = ObjectAttributes(size: size)
        if keepsChecksum, let computed {
            attributes.checksumType = ChecksumType.xxhash.rawValue
            attributes.checksumValue = computed
        }
        attributes.custom = custom
        return attributes
    }
}
