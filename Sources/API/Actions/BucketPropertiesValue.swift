import Base
package import Cluster

extension BucketProperties {
    private static let sections = [
        "backend_bck", "versioning", "checksum", "lru", "mirror", "ec", "access", "write_policy",
    ]

    /// Changes what the `value` of a message names and leaves the rest (contract §5.7), strictly.
    package mutating func update(from value: JSONValue?) throws(Failure) {
        guard let value = try ActionValue(value, keys: Self.sections) else { return }
        if let section = try value.section(
            "backend_bck", keys: ["name", "provider", "namespace"]),
            let name = try section.string("name"), !name.isEmpty
        {
            throw Failure(.notImplemented, "backend buckets are not supported by this build")
        }
        try updateVersioning(value)
        try updateChecksum(value)
        try updateLRU(value)
        try updateMirror(value)
        try updateErasureCoding(value)
        if let mask: UInt64 = try value.unsigned("access") { access = AccessMask(rawValue: mask) }
        if let word = try value.string("write_policy") {
            guard let policy = WritePolicy(rawValue: word) else {
                throw Self.unknownWord("write_policy", word, WritePolicy.allCases.map(\.rawValue))
            }
            writePolicy = policy
        }
        try validate()
    }

    private mutating func updateVersioning(_ value: ActionValue) throws(Failure) {
        let keys = ["enabled", "validate_warm_get"]
        guard let section = try value.section("versioning", keys: keys) else { return }
        try Self.set(&versioning.enabled, section, "enabled")
        try Self.set(&versioning.validateWarmGet, section, "validate_warm_get")
    }

    private mutating func updateChecksum(_ value: ActionValue) throws(Failure) {
        let keys = [
            "type", "validate_cold_get", "validate_warm_get", "validate_obj_move",
            "enable_read_range",
        ]
        guard let section = try value.section("checksum", keys: keys) else { return }
        if let word = try section.string("type") {
            guard let type = ChecksumType(rawValue: word) else {
                throw Self.unknownWord("checksum.type", word, ChecksumType.allCases.map(\.rawValue))
            }
            checksum.type = type
        }
        try Self.set(&checksum.validateColdGet, section, "validate_cold_get")
        try Self.set(&checksum.validateWarmGet, section, "validate_warm_get")
        try Self.set(&checksum.validateObjectMove, section, "validate_obj_move")
        try Self.set(&checksum.enableReadRange, section, "enable_read_range")
    }

    private mutating func updateLRU(_ value: ActionValue) throws(Failure) {
        let keys = ["lowwm", "highwm", "out_of_space", "enabled"]
        guard let section = try value.section("lru", keys: keys) else { return }
        try Self.set(&lru.lowWatermark, section, "lowwm")
        try Self.set(&lru.highWatermark, section, "highwm")
        try Self.set(&lru.outOfSpace, section, "out_of_space")
        try Self.set(&lru.enabled, section, "enabled")
    }

    private mutating func updateMirror(_ value: ActionValue) throws(Failure) {
        let keys = [
            "copies", "burst_buffer", "util_thresh", "optimize_put", "enabled", "enable",
        ]
        guard let section = try value.section("mirror", keys: keys) else { return }
        try Self.set(&mirror.copies, section, "copies")
        try Self.set(&mirror.burstBuffer, section, "burst_buffer")
        try Self.set(&mirror.utilizationThreshold, section, "util_thresh")
        try Self.set(&mirror.optimizePut, section, "optimize_put")
        try Self.set(&mirror.enabled, section, "enable")
        try Self.set(&mirror.enabled, section, "enabled")
    }

    private mutating func updateErasureCoding(_ value: ActionValue) throws(Failure) {
        let keys = ["enabled", "objsize_limit", "data_slices", "parity_slices", "compression"]
        guard let section = try value.section("ec", keys: keys) else { return }
        try Self.set(&erasureCoding.enabled, section, "enabled")
        try Self.set(&erasureCoding.objectSizeLimit, section, "objsize_limit")
        try Self.set(&erasureCoding.dataSlices, section, "data_slices")
        try Self.set(&erasureCoding.paritySlices, section, "parity_slices")
        if let compression = try section.string("compression") {
            erasureCoding.compression = compression
        }
    }

    /// The rules that need nothing but the properties themselves.
    private func validate() throws(Failure) {
        let marks =
            lru.lowWatermark > 0 && lru.lowWatermark <= lru.highWatermark
            && lru.highWatermark <= lru.outOfSpace && lru.outOfSpace <= 100
        guard !lru.enabled || marks else {
            throw Failure(.badValue, "lru wants 0 < lowwm <= highwm <= out_of_space <= 100")
        }
        if mirror.enabled {
            guard mirror.utilizationThreshold <= 100, (2...32).contains(mirror.copies) else {
                throw Failure(.badValue, "mirror wants copies in 2...32, util_thresh in 0...100")
            }
        }
        if erasureCoding.enabled {
            let slices: ClosedRange<UInt32> = 1...32
            guard slices.contains(erasureCoding.dataSlices),
                slices.contains(erasureCoding.paritySlices)
            else { throw Failure(.badValue, "ec wants data and parity slices in 1...32") }
            guard !mirror.enabled else {
                throw Failure(.badValue, "a bucket is mirrored or erasure-coded, not both")
            }
        }
        let compression = erasureCoding.compression
        guard compression.utf8.count <= 64,
            ["never", "always"].contains(compression)
                || (compression.hasPrefix("ratio=") && UInt(compression.dropFirst(6)) != nil)
        else { throw Failure(.badValue, "ec.compression is never, always or ratio=N") }
    }

    /// A property that is not as with every bucket, and would change nothing: the option of that name is fixed.
    package func promise(
        beyond defaults: BucketProperties
    ) -> (name: String, value: String, reason: String)? {
        // Most buckets ask for nothing else, and the words of all members are long.
        guard self != defaults else { return nil }
        for (mine, theirs) in zip(members, defaults.members) where mine.value != theirs.value {
            guard let option = ConfigOption.named(mine.name), let reason = option.refusal,
                !option.isSame(mine.value, option.initial)
            else { continue }
            return (mine.name, mine.value, reason)
        }
        return nil
    }

    private static func set(
        _ field: inout Bool, _ section: ActionValue, _ key: String
    ) throws(Failure) {
        if let value = try section.bool(key) { field = value }
    }

    private static func set<Number: FixedWidthInteger>(
        _ field: inout Number, _ section: ActionValue, _ key: String
    ) throws(Failure) {
        if let value = try section.unsigned(key, as: Number.self) { field = value }
    }

    private static func unknownWord(_ key: String, _ word: String, _ known: [String]) -> Failure {
        Failure(
            .badValue, "'\(key)' is '\(word.excerpt)'",
            next: "one of \(known.joined(separator: ", "))")
    }
}
