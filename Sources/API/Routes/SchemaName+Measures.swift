// The documents of what is counted and measured, of jobs and listings, and of what went wrong or would (contract §10, §11, §5.9,
// §2.5).

extension SchemaName {
    static let failureSchema: Schema = .members(
        [
            "status": .count(max: 599), "message": .text, "method": .text, "url_path": .text,
            "remote_addr": .text, "trace": .text,
            "code": .words(FailureCode.allCases.map(\.rawValue)),
        ],
        optional: [
            "cause": .text, "node": .text, "map_version": .decimal, "next": .text,
            "request_id": .text, "done": .array(.text), "not_done": .array(.text),
        ])

    private static let counts: Schema = .members(["now": .count(), "then": .count()])

    private static let survivalCore: KeyValuePairs<String, Schema> = [
        "survives": .array(.text), "active_targets": counts,
    ]

    private static let survivalMore: KeyValuePairs<String, Schema> = [
        "voters": votersSchema, "mountpaths": counts,
    ]

    static let votersSchema: Schema = .members([
        "now": .count(), "then": .count(), "survives_now": .count(),
        "survives_then": .count(), "missing": .array(.text), "majority_then": .flag,
    ])

    static let survivalSchema: Schema = .members(survivalCore, optional: survivalMore)

    static let registeredSchema: Schema = .object(
        required: Schema.list(["daemon_id": .text, "rebalance_id": .text]),
        optional: Schema.list(survivalCore) + Schema.list(survivalMore), isOpen: false)

    /// The answer of every change to `dry_run=true`.
    static let forecastSchema: Schema = .object(
        required: Schema.list([
            "dry_run": .flag, "action": .text, "verdict": .words(["safe", "unsafe", "blocked"]),
            "reason": .text, "changes": .array(.text),
        ]) + Schema.list(survivalCore),
        optional: Schema.list([
            "code": .words(FailureCode.allCases.map(\.rawValue)), "next": .text,
            "config_version": .decimal,
            "options": .array(
                .members(
                    ["name": .text, "before": .text, "after": .text], optional: ["node": .text])),
        ]) + Schema.list(survivalMore), isOpen: false)

    // MARK: Statistics

    static let systemMembers: KeyValuePairs<String, Schema> = [
        "mem_used": .decimal, "mem_avail": .decimal, "pct_mem_used": .number,
        "pct_cpu_used": .number,
        "load_avg": .members(["one": .number, "five": .number, "fifteen": .number]),
        "cpus": .count(),
    ]

    static let targetSystemSchema: Schema = .members([
        "mem_used": .decimal, "mem_avail": .decimal, "pct_mem_used": .number,
        "pct_cpu_used": .number,
        "load_avg": .members(["one": .number, "five": .number, "fifteen": .number]),
        "cpus": .count(), "fs_used": .decimal, "fs_capacity": .decimal, "pct_fs_used": .number,
    ])

    static let proxyStatusSchema: Schema = .members([
        "snode": .component(.node), "daemon_stats": .component(.counters), "capacity": .null,
        "sys_info": .component(.systemInformation), "smap_version": .decimal, "status": .text,
        "bmd_version": .decimal, "uuid": .text, "position": .text,
        "state_hash": .pattern("[0-9a-f]{1,16}"),
        "raft": .members([
            "role": .text, "term": .count(), "leader": .text, "voter": .flag,
            "commit": .count(), "applied": .count(), "last": .count(), "lag": .count(),
            "short_of_space": .flag,
        ]),
        "log_followers": .array(
            .members([
                "id": .text, "position": .text, "lag": .count(), "proxy": .text,
                "left_behind": .flag,
            ])),
    ])

    static let targetStatusSchema: Schema = .members([
        "snode": .component(.node), "daemon_stats": .component(.counters),
        "capacity": .component(.capacity), "sys_info": .component(.systemInformation),
        "smap_version": .decimal, "target_status": .any, "status": .text,
        "bmd_version": .decimal, "uuid": .text, "position": .text,
        "state_hash": .pattern("[0-9a-f]{1,16}"), "following": .text,
        "log": .members([
            "index": .count(), "committed": .text, "lag": .count(),
            "heard_seconds_ago": .nullable(.number), "problem": .text,
        ]),
    ])

    static let unansweredSchema: Schema = .members(
        [
            "id": .text, "type": .words(["proxy", "target"]), "url": .text, "code": .text,
            "message": .text,
        ], optional: ["cause": .text])

    // MARK: Jobs

    static let xactionSchema: Schema = .members([
        "id": .text, "kind": .text,
        "bck": .members([
            "name": .text, "provider": .text,
            "namespace": .members(["uuid": .text, "name": .text]),
        ]),
        "start_time": .text, "end_time": .text, "obj_count": .decimal, "bytes_count": .decimal,
        "aborted": .flag, "status": .text, "ext": .map(.text),
    ])

    static let xactionStatusSchema: Schema = .members([
        "uuid": .text, "kind": .text, "err": .text, "end_time": .count(), "aborted": .flag,
        "is_idle": .flag,
    ])

    static let xactionQuerySchema: Schema = .choice([
        .options([
            "id": .text, "kind": .text, "bck": .nullable(jobBucket),
            "buckets": .nullable(.array(jobBucket)), "show_active": .nullable(.flag),
            "OnlyRunning": .flag, "node": .text, "DaemonID": .text, "force": .flag,
            "Timeout": .looseCount, "flags": .looseCount,
        ]),
        .members(
            ["action": .words(["stats", "start", "stop"])],
            optional: ["name": .text, "value": .options(["bucket": .text])]),
    ])

    /// As it stands in what is said of jobs.
    static let jobBucket: Schema = .options([
        "name": .text, "provider": .text,
        "namespace": .options(["uuid": .text, "name": .text]),
    ])

    // MARK: Listings

    static let listRequestSchema: Schema = .options([
        "uuid": .text, "props": .text, "time_format": .texts(length: 0...Limits.timeLayoutBytesMax),
        "prefix": .text,
        "pagesize": .looseCount, "start_after": .text, "continuation_token": .text,
        "flags": .looseCount, "use_cache": .flag,
    ])

    static let listReplySchema: Schema = .members([
        "uuid": .text,
        "entries": .nullable(
            .array(
                .members(
                    ["name": .text],
                    optional: [
                        "size": .decimal, "checksum": .text, "atime": .text, "version": .text,
                        "target_url": .text, "copies": .count(), "flags": .count(),
                    ]))), "continuation_token": .text,
    ])
}
