import Base
package import Cluster

extension JSONWriter {
    /// What a bucket is set to, as the bucket map shows it (contract §5.7).
    package mutating func value(_ properties: BucketProperties, of bucket: Bucket) {
        object { json in
            json.member("provider", bucket.provider.rawValue)
            json.key("backend_bck")
            json.object { json in
                json.member("name", "")
                json.member("provider", "")
                json.key("namespace")
                json.object { json in
                    json.member("uuid", "")
                    json.member("name", "")
                }
            }
            json.sections(properties)
            json.member("access", String(properties.access.rawValue))
            json.key("extra")
            json.object { _ in }
            json.member("bid", String(properties.id))
            json.member("created", String(properties.created.nanoseconds))
            json.member("Renamed", "")
            json.member("write_policy", properties.writePolicy.rawValue)
        }
    }

    private mutating func sections(_ properties: BucketProperties) {
        key("versioning")
        object { json in
            json.member("enabled", properties.versioning.enabled)
            json.member("validate_warm_get", properties.versioning.validateWarmGet)
        }
        key("checksum")
        object { json in
            json.member("type", properties.checksum.type.rawValue)
            json.member("validate_cold_get", properties.checksum.validateColdGet)
            json.member("validate_warm_get", properties.checksum.validateWarmGet)
            json.member("validate_obj_move", properties.checksum.validateObjectMove)
            json.member("enable_read_range", properties.checksum.enableReadRange)
        }
        key("lru")
        object { json in
            json.member("lowwm", properties.lru.lowWatermark)
            json.member("highwm", properties.lru.highWatermark)
            json.member("out_of_space", properties.lru.outOfSpace)
            json.member("dont_evict_time", properties.lru.dontEvictTime)
            json.member("capacity_upd_time", properties.lru.capacityUpdateTime)
            json.member("enabled", properties.lru.enabled)
        }
        key("mirror")
        object { json in
            json.member("copies", properties.mirror.copies)
            json.member("burst_buffer", properties.mirror.burstBuffer)
            json.member("util_thresh", properties.mirror.utilizationThreshold)
            json.member("optimize_put", properties.mirror.optimizePut)
            json.member("enabled", properties.mirror.enabled)
        }
        key("ec")
        object { json in
            json.member("objsize_limit", properties.erasureCoding.objectSizeLimit)
            json.member("compression", properties.erasureCoding.compression)
            json.member("data_slices", properties.erasureCoding.dataSlices)
            json.member("parity_slices", properties.erasureCoding.paritySlices)
            json.member("batch_size", properties.erasureCoding.batchSize)
            json.member("enabled", properties.erasureCoding.enabled)
        }
    }
}

extension BucketProperties {
    /// One header per property, the reply to HEAD of a bucket (contract §5.6).
    package func headers(of bucket: Bucket) -> [(name: String, value: String)] {
        [(name: "provider", value: bucket.provider.rawValue)] + members
    }

    /// The properties by their dotted names.
    var members: [(name: String, value: String)] {
        [
            (name: "access", value: String(access.rawValue)),
            (name: "created", value: String(created.nanoseconds)),
            (name: "backend_bck.name", value: ""),
            (name: "backend_bck.provider", value: ""),
            (name: "versioning.enabled", value: String(versioning.enabled)),
            (name: "versioning.validate_warm_get", value: String(versioning.validateWarmGet)),
            (name: "checksum.type", value: checksum.type.rawValue),
            (name: "checksum.validate_cold_get", value: String(checksum.validateColdGet)),
            (name: "checksum.validate_warm_get", value: String(checksum.validateWarmGet)),
            (name: "checksum.validate_obj_move", value: String(checksum.validateObjectMove)),
            (name: "checksum.enable_read_range", value: String(checksum.enableReadRange)),
            (name: "lru.lowwm", value: String(lru.lowWatermark)),
            (name: "lru.highwm", value: String(lru.highWatermark)),
            (name: "lru.out_of_space", value: String(lru.outOfSpace)),
            (name: "lru.dont_evict_time", value: lru.dontEvictTime),
            (name: "lru.capacity_upd_time", value: lru.capacityUpdateTime),
            (name: "lru.enabled", value: String(lru.enabled)),
            (name: "mirror.enabled", value: String(mirror.enabled)),
            (name: "mirror.optimize_put", value: String(mirror.optimizePut)),
            (name: "mirror.copies", value: String(mirror.copies)),
            (name: "mirror.burst_buffer", value: String(mirror.burstBuffer)),
            (name: "mirror.util_thresh", value: String(mirror.utilizationThreshold)),
            (name: "ec.enabled", value: String(erasureCoding.enabled)),
            (name: "ec.data_slices", value: String(erasureCoding.dataSlices)),
            (name: "ec.parity_slices", value: String(erasureCoding.paritySlices)),
            (name: "ec.objsize_limit", value: String(erasureCoding.objectSizeLimit)),
            (name: "ec.batch_size", value: String(erasureCoding.batchSize)),
            (name: "ec.compression", value: erasureCoding.compression),
            (name: "extra.original_url", value: ""),
            (name: "extra.cloud_region", value: ""),
            (name: "write_policy", value: writePolicy.rawValue),
        ]
    }
}
