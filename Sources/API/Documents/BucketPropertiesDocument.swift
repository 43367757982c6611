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
    /// The headers of the reply to HEAD of a bucket, one per property (contract §5.6).
    package func eachHeader(of bucket: Bucket, _ body: (StaticString, String) -> Void) {
        body("provider", bucket.provider.rawValue)
        eachMember(body)
    }

    /// The properties by their dotted names.
    var members: [(name: String, value: String)] {
        var members: [(name: String, value: String)] = []
        eachMember { members.append(("\($0)", $1)) }
        return members
    }

    private func eachMember(_ body: (StaticString, String) -> Void) {
        body("access", String(access.rawValue))
        body("created", String(created.nanoseconds))
        body("backend_bck.name", "")
        body("backend_bck.provider", "")
        body("versioning.enabled", String(versioning.enabled))
        body("versioning.validate_warm_get", String(versioning.validateWarmGet))
        body("checksum.type", checksum.type.rawValue)
        body("checksum.validate_cold_get", String(checksum.validateColdGet))
        body("checksum.validate_warm_get", String(checksum.validateWarmGet))
        body("checksum.validate_obj_move", String(checksum.validateObjectMove))
        body("checksum.enable_read_range", String(checksum.enableReadRange))
        body("lru.lowwm", String(lru.lowWatermark))
        body("lru.highwm", String(lru.highWatermark))
        body("lru.out_of_space", String(lru.outOfSpace))
        body("lru.dont_evict_time", lru.dontEvictTime)
        body("lru.capacity_upd_time", lru.capacityUpdateTime)
        body("lru.enabled", String(lru.enabled))
        body("mirror.enabled", String(mirror.enabled))
        body("mirror.optimize_put", String(mirror.optimizePut))
        body("mirror.copies", String(mirror.copies))
        body("mirror.burst_buffer", String(mirror.burstBuffer))
        body("mirror.util_thresh", String(mirror.utilizationThreshold))
        body("ec.enabled", String(erasureCoding.enabled))
        body("ec.data_slices", String(erasureCoding.dataSlices))
        body("ec.parity_slices", String(erasureCoding.paritySlices))
        body("ec.objsize_limit", String(erasureCoding.objectSizeLimit))
        body("ec.batch_size", String(erasureCoding.batchSize))
        body("ec.compression", erasureCoding.compression)
        body("extra.original_url", "")
        body("extra.cloud_region", "")
        body("write_policy", writePolicy.rawValue)
    }
}
