import Base

/// What the options are, once all layers are laid over the defaults: a value, and typed ways to read it.
public struct ConfigValues: Equatable, Sendable {
    private var set: [String: String] = [:]

    /// - Parameter layers: each over the ones before it.
    init(_ layers: [ClusterConfig.Settings?]) {
        for layer in layers {
            for (name, setting) in layer ?? .init() { set[name] = setting.value }
        }
    }

    /// Lays one value over the others; `nil` shows the default again.
    public mutating func lay(_ value: String?, over name: String) { set[name] = value }

    /// The option's value as text. Asking for an option that does not exist is a mistake of the program.
    public subscript(name: String) -> String {
        if let value = set[name] { return value }
        guard let option = ConfigOption.named(name) else {
            preconditionFailure("there is no option \(name)")
        }
        return option.initial
    }

    // A value of another build, which this one would not take, counts as the default.

    public func flag(_ name: String) -> Bool { valid(name) == "true" }

    public func number<Number: FixedWidthInteger>(
        _ name: String, as type: Number.Type = Number.self
    ) -> Number {
        Number(valid(name)) ?? 0
    }

    /// A duration, in nanoseconds.
    public func nanoseconds(_ name: String) -> UInt64 {
        ConfigDuration.nanoseconds(valid(name)) ?? 0
    }

    public func seconds(_ name: String) -> Double { Double(nanoseconds(name)) / 1e9 }

    /// How long a proxy may say nothing to a target that follows it.
    public var silenceSeconds: Double {
        seconds("keepalivetracker.target.interval")
            * Double(number("keepalivetracker.target.factor", as: Int.self))
    }

    private func valid(_ name: String) -> String {
        let text = self[name]
        guard let option = ConfigOption.named(name) else { return text }
        return (try? option.canonical(text)) ?? option.initial
    }

    public var bucketDefaults: BucketProperties {
        var properties = BucketProperties()
        properties.versioning.enabled = flag("versioning.enabled")
        properties.versioning.validateWarmGet = flag("versioning.validate_warm_get")
        properties.checksum.type = ChecksumType(rawValue: valid("checksum.type")) ?? .xxhash
        properties.checksum.validateColdGet = flag("checksum.validate_cold_get")
        properties.checksum.validateWarmGet = flag("checksum.validate_warm_get")
        properties.checksum.validateObjectMove = flag("checksum.validate_obj_move")
        properties.checksum.enableReadRange = flag("checksum.enable_read_range")
        properties.lru.lowWatermark = number("lru.lowwm")
        properties.lru.highWatermark = number("lru.highwm")
        properties.lru.outOfSpace = number("lru.out_of_space")
        properties.lru.dontEvictTime = valid("lru.dont_evict_time")
        properties.lru.capacityUpdateTime = valid("lru.capacity_upd_time")
        properties.lru.enabled = flag("lru.enabled")
        properties.mirror.copies = number("mirror.copies")
        properties.mirror.burstBuffer = number("mirror.burst_buffer")
        properties.mirror.utilizationThreshold = number("mirror.util_thresh")
        properties.mirror.optimizePut = flag("mirror.optimize_put")
        properties.mirror.enabled = flag("mirror.enabled")
        properties.erasureCoding.objectSizeLimit = number("ec.objsize_limit")
        properties.erasureCoding.compression = valid("ec.compression")
        properties.erasureCoding.dataSlices = number("ec.data_slices")
        properties.erasureCoding.paritySlices = number("ec.parity_slices")
        properties.erasureCoding.batchSize = number("ec.batch_size")
        properties.erasureCoding.enabled = flag("ec.enabled")
        properties.writePolicy = WritePolicy(rawValue: valid("write_policy")) ?? .durable
        return properties
    }
}
