import Cluster

// The documents that show metadata, and the messages that change them (contract §8, §9).

extension SchemaName {
    static let nodeSchema: Schema = .members(
        [
            "public_net": .component(.network), "intra_control_net": .component(.network),
            "intra_data_net": .component(.network), "daemon_type": .words(["proxy", "target"]),
            "daemon_id": .text, "flags": .count(),
        ], optional: ["member": .pattern("[0-9a-f]{1,16}")])

    static let mapSchema: Schema = .members([
        "tmap": .map(.component(.node)), "pmap": .map(.component(.node)),
        "proxy_si": .nullable(.component(.node)), "version": .decimal, "uuid": .text,
        "creation_time": .text,
    ])

    static let bucketSchema: Schema = .members([
        "name": .text, "provider": .words(Provider.allCases.map(\.rawValue)),
        "namespace": .members(["uuid": .text, "name": .text]),
    ])

    /// As anything that names a bucket and may name none.
    private static let otherBucket: Schema = .members([
        "name": .text, "provider": .text,
        "namespace": .members(["uuid": .text, "name": .text]),
    ])

    static let propertiesSchema: Schema = .members([
        "provider": .text, "backend_bck": otherBucket,
        "versioning": .members(["enabled": .flag, "validate_warm_get": .flag]),
        "checksum": .members([
            "type": .words(ChecksumType.allCases.map(\.rawValue)), "validate_cold_get": .flag,
            "validate_warm_get": .flag, "validate_obj_move": .flag, "enable_read_range": .flag,
        ]),
        "lru": .members([
            "lowwm": .count(), "highwm": .count(), "out_of_space": .count(),
            "dont_evict_time": .text, "capacity_upd_time": .text, "enabled": .flag,
        ]),
        "mirror": .members([
            "copies": .count(), "burst_buffer": .count(), "util_thresh": .count(),
            "optimize_put": .flag, "enabled": .flag,
        ]),
        "ec": .members([
            "objsize_limit": .count(), "compression": .text, "data_slices": .count(),
            "parity_slices": .count(), "batch_size": .count(), "enabled": .flag,
        ]),
        "access": .decimal, "extra": .any, "bid": .decimal, "created": .decimal, "Renamed": .text,
        "write_policy": .words(WritePolicy.allCases.map(\.rawValue)),
    ])

    static let bucketChangeSchema: Schema = .options([
        "versioning": .options(["enabled": .flag, "validate_warm_get": .flag]),
        "checksum": .options([
            "type": .words(ChecksumType.allCases.map(\.rawValue)),
            "validate_cold_get": .flag, "validate_warm_get": .flag,
            "validate_obj_move": .flag, "enable_read_range": .flag,
        ]),
        "lru": .options([
            "lowwm": .count(max: 100), "highwm": .count(max: 100),
            "out_of_space": .count(max: 100), "enabled": .flag,
        ]),
        "mirror": .options([
            "copies": .count(max: 32), "burst_buffer": .count(max: 1 << 31),
            "util_thresh": .count(max: 100), "optimize_put": .flag, "enabled": .flag,
        ]),
        "ec": .options([
            "objsize_limit": .looseCount, "compression": .text, "data_slices": .count(max: 32),
            "parity_slices": .count(max: 32), "enabled": .flag,
        ]),
        "access": .looseCount, "write_policy": .words(WritePolicy.allCases.map(\.rawValue)),
    ])

    static let rmdSchema: Schema = .members(
        ["version": .count()],
        optional: [
            "target_ids": .array(.text), "status": .text, "reason": .text, "started": .text,
            "stopped": .text,
        ])

    // MARK: Configuration

    static let configSchema: Schema = .object(
        required: optionTree
            + Schema.list([
                "config_version": .decimal,
                "sources": .map(.words(["file", "cluster", "node", "transient"])),
                "fixed": .map(.text),
            ]), optional: [], isOpen: false)

    static let clusterConfigSchema: Schema = .object(
        required: optionTree
            + Schema.list([
                "version": .decimal, "uuid": .text, "set": .map(.text),
                "nodes": .map(.map(.text)), "fixed": .map(.text),
            ]), optional: [], isOpen: false)

    /// The options in their sections, as ``ConfigDocument`` shows them.
    private static let optionTree: [Schema.Member] = tree(
        ConfigOption.all.filter(\.isShown).map { ($0.name.split(separator: ".")[...], $0) })

    private static func tree(
        _ options: [(path: ArraySlice<Substring>, option: ConfigOption)]
    ) -> [Schema.Member] {
        var keys: [Substring] = []
        for option in options {
            if let key = option.path.first, !keys.contains(key) { keys.append(key) }
        }
        return keys.map { key in
            let inner = options.filter { $0.path.first == key }
                .map { (path: $0.path.dropFirst(), option: $0.option) }
            if let option = inner.first, option.path.isEmpty {
                return Schema.Member(name: String(key), schema: shape(option.option))
            }
            let section = Schema.object(required: tree(inner), optional: [], isOpen: false)
            return Schema.Member(name: String(key), schema: section)
        }
    }

    private static func shape(_ option: ConfigOption) -> Schema {
        switch option.kind {
        case .flag: .flag
        case .number: .count()
        case .numeral, .level, .duration, .word, .compression, .text: .text
        case .object: .map(.any)
        }
    }

    /// What may be set, each option a parameter; values are text in a query.
    static let optionsSchema: Schema = .object(
        required: [],
        optional: ConfigOption.all.filter(\.canBeSet).map {
            Schema.Member(name: $0.name, schema: value(of: $0))
        }, isOpen: false)

    static let optionNamesSchema: Schema = .object(
        required: [],
        optional: ConfigOption.all.filter(\.canBeSet).map {
            Schema.Member(name: $0.name, schema: .words([""]))
        }, isOpen: false)

    private static func value(of option: ConfigOption) -> Schema {
        switch option.kind {
        case .flag: Parameter.flagSchema
        case .number, .numeral: .pattern("[0-9]{1,20}")
        case .level: .pattern("[0-5]")
        case .duration: .pattern("[0-9]{1,6}(?:ms|s|m|h)")
        case .word(let words): .words(words)
        case .compression: .pattern("never|always|ratio=[0-9]{1,3}")
        case .text, .object: .texts(length: 1...BucketProperties.textBytesMax)
        }
    }

    // MARK: History

    static let historyEntrySchema: Schema = .members([
        "index": .decimal, "position": .text, "time": .text, "command": .text, "actor": .text,
        "address": .text, "request_id": .text,
        "changes": .array(
            .members(
                [
                    "what": .words([
                        "cluster", "node", "bucket", "rebalance", "mountpaths", "config",
                        "recovery", "decommission",
                    ]),
                    "before": .any, "after": .any,
                ], optional: ["node": .text, "name": .text, "bucket": .component(.bucket)])),
    ])

    private static let differing: Schema = .array(
        .members(["name": .text], optional: ["node": .text, "before": .any, "after": .any]))

    static let differenceSchema: Schema = .members(
        [
            "what": .words(["smap", "bmd", "config"]), "from": .decimal, "to": .decimal,
            "added": differing, "removed": differing, "changed": differing,
        ], optional: ["primary": .members(["before": .text, "after": .text])])

    static let sessionSchema: Schema = .members([
        "id": .text, "lifetime_ms": .decimal, "last_used": .text, "ends": .text,
        "outcomes_max": .count(), "forgotten": .decimal,
        "outcomes": .array(
            .members([
                "sequence": .decimal, "position": .text,
                "outcome": .words(["applied", "refused"]),
            ])),
    ])

    static let noteSchema: Schema = .members([
        "mountpath": .text, "disk": .text, "disabled": .flag, "reason": .text, "time": .text,
    ])

    static let clusterInfoSchema: Schema = .members([
        "bmd": .members(["version": .decimal, "uuid": .text]),
        "smap": .members([
            "version": .decimal, "uuid": .text,
            "Primary": .members(["pub_url": .text, "control_url": .text, "id": .text]),
            "vote_in_progress": .flag,
        ]),
    ])

    // MARK: The group

    private static let stateDifference: Schema = .members([
        "equal_at": .count(), "differs_at": .count(),
    ])

    static let unreadable: Schema = .members([
        "part": .words(["entry", "state", "voters"]), "index": .count(), "term": .count(),
        "reason": .text, "newer": .flag,
    ])

    static let raftSchema: Schema = .members([
        "member": .text, "role": .text, "generation": .text, "superseded_by": .nullable(.text),
        "term": .count(), "commit": .count(), "applied": .text, "last": .count(),
        "leader": .nullable(.text),
        "members": .array(
            .members(
                ["member": .text, "node": .text, "voter": .flag],
                optional: [
                    "match": .count(), "counted": .flag, "short": .flag, "heard": .text,
                    "state_differs": stateDifference,
                ])),
        "storage": .members([
            "recovering_until": .nullable(.count()), "damage": .nullable(.text),
            "doubted_at": .nullable(.count()), "quarantined": .nullable(stateDifference),
            "space": .nullable(
                .members([
                    "short": .flag, "free_bytes": .count(), "reserve_bytes": .count(),
                ])),
            "unreadable": .nullable(unreadable),
            "found_at_start": .array(.text),
            "scan": .members([
                "rows": .count(), "walks": .count(), "last_walk": .text, "found": .count(),
            ]),
        ]),
    ])

    static let joinRequestSchema: Schema = .openObject([
        "daemon_id": Parameter.nodeID, "daemon_type": .words(["proxy", "target"]),
        "node_ip_addr": .text, "daemon_port": .looseCount, "direct_url": .text,
        "public_net": .any, "si": .any, "flags": .looseCount, "uuid": .text, "position": .text,
    ])
}
