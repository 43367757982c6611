extension ConfigOption {
    /// Every option there is, in the order of the document (contract §9).
    ///
    /// A default that differs from AIStore's is the truth about this system: what it does is not always what AIStore does
    /// under that name. docs/operations.md says what each option governs.
    public static let all: [ConfigOption] =
        [
            fixed("confdir", .text, "", atStart), fixed("cloud", .object, "", noBackends),
        ] + bucketOptions + nodeOptions + movingOptions + networkOptions + otherOptions

    // MARK: What new buckets start with

    private static let percent: Kind = .number(0...100)
    private static let count: Kind = .number(0...UInt64(UInt32.max))
    /// A hundred years.
    private static let anyDuration: Kind = .duration(0...3_155_760_000_000)

    private static let bucketOptions: [ConfigOption] = [
        fixed("mirror.copies", .number(2...32), "2", noMirroring),
        fixed("mirror.burst_buffer", count, "512", noMirroring),
        fixed("mirror.util_thresh", percent, "20", noMirroring),
        fixed("mirror.optimize_put", .flag, "false", noMirroring),
        fixed("mirror.enabled", .flag, "false", noMirroring),
        fixed("ec.objsize_limit", .number(0...UInt64(Int64.max)), "262144", noEncoding),
        fixed("ec.compression", .compression, "never", noEncoding),
        fixed("ec.data_slices", .number(1...32), "1", noEncoding),
        fixed("ec.parity_slices", .number(1...32), "1", noEncoding),
        fixed("ec.batch_size", .number(4...128), "64", noEncoding),
        fixed("ec.enabled", .flag, "false", noEncoding),
        fixed("lru.lowwm", percent, "75", noEviction),
        fixed("lru.highwm", percent, "90", noEviction),
        fixed("lru.out_of_space", percent, "95", noEviction),
        fixed("lru.dont_evict_time", anyDuration, "120m", noEviction),
        fixed("lru.capacity_upd_time", anyDuration, "10m", noEviction),
        fixed("lru.enabled", .flag, "true", noEviction),
        newBuckets(
            "checksum.type", .word(ChecksumType.allCases.map(\.rawValue)), "xxhash"),
        newBuckets("checksum.validate_cold_get", .flag, "true"),
        newBuckets("checksum.validate_warm_get", .flag, "false"),
        fixed("checksum.validate_obj_move", .flag, "false", noMoving),
        fixed(
            "checksum.enable_read_range", .flag, "false",
            "this build computes no checksums of ranges"),
        newBuckets("versioning.enabled", .flag, "true"),
        fixed(
            "versioning.validate_warm_get", .flag, "false",
            "this build has no backends, whose versions could be newer"),
        newBuckets("write_policy", .word(WritePolicy.allCases.map(\.rawValue)), "durable"),
    ]

    // MARK: What nodes act on

    private static let nodeOptions: [ConfigOption] = [
        fixed("log.dir", .text, "", "nodes log to standard error; whoever starts them keeps it"),
        live("log.level", .level, "3"),
        fixed("log.max_size", count, "4194304", rotation),
        fixed("log.max_total", count, "67108864", rotation),
        fixed("vmodule", .text, "", "levels are set per node: log.level", isShown: false),
        live("periodic.stats_time", .duration(100...86_400_000), "10s"),
        fixed(
            "periodic.retry_sync_time", anyDuration, "2s",
            "metadata are not pushed to nodes: targets follow the log"),
        fixed("periodic.notif_time", anyDuration, "30s", "this build has no jobs that notify"),
        live("timeout.cplane_operation", .duration(100...20_000), "2s"),
        live("timeout.max_keepalive", .duration(100...60_000), "1500ms"),
        fixed(
            "timeout.max_host_busy", anyDuration, "20s", "nodes do not report themselves as busy"),
        fixed(
            "timeout.startup_time", anyDuration, "1m",
            "a primary does not wait for others when it starts; the log says who belongs"),
        fixed("timeout.send_file_time", anyDuration, "5m", noMoving),
        live("client.client_timeout", .duration(1_000...600_000), "10s"),
        fixed(
            "client.client_long_timeout", anyDuration, "30m",
            "no call of this build between nodes takes longer than client.list_timeout"),
        live("client.list_timeout", .duration(1_000...86_400_000), "3m", readBy: [.proxy]),
        live("client.features", .numeral(0...1), "0", readBy: [.target]),
        live("keepalivetracker.target.interval", .duration(100...10_000), "1s", .cluster),
        fixed("keepalivetracker.target.name", .text, "heartbeat", "there is no other tracker"),
        live("keepalivetracker.target.factor", .number(2...100), "5", .cluster),
        fixed("keepalivetracker.proxy.interval", anyDuration, "50ms", groupTime),
        fixed("keepalivetracker.proxy.name", .text, "heartbeat", "there is no other tracker"),
        fixed("keepalivetracker.proxy.factor", count, "5", groupTime),
        fixed("keepalivetracker.retry_factor", count, "5", noRetries),
        fixed("keepalivetracker.timeout_factor", count, "3", noRetries),
    ]

    // MARK: What this build does not do, or only when it starts

    private static let movingOptions: [ConfigOption] = [
        fixed("proxy.primary_url", .text, "", fromLog),
        fixed("proxy.original_url", .text, "", atStart),
        fixed("proxy.discovery_url", .text, "", atStart),
        fixed("proxy.non_electable", .flag, "false", atStart),
        fixed("disk.disk_util_low_wm", percent, "20", noThrottling),
        fixed("disk.disk_util_high_wm", percent, "80", noThrottling),
        fixed("disk.disk_util_max_wm", percent, "95", noThrottling),
        fixed("disk.iostat_time_long", anyDuration, "2s", noThrottling),
        fixed("disk.iostat_time_short", anyDuration, "100ms", noThrottling),
        live("rebalance.dont_run_time", .duration(0...86_400_000), "0m", .cluster),
        fixed("rebalance.dest_retry_time", anyDuration, "2m", noMoving),
        fixed("rebalance.quiescent", anyDuration, "10s", noMoving),
        fixed("rebalance.compression", .compression, "never", noMoving),
        fixed("rebalance.multiplier", count, "2", noMoving),
        fixed("rebalance.enabled", .flag, "true", noMoving),
        fixed("replication.on_cold_get", .flag, "false", noReplication),
        fixed("replication.on_put", .flag, "false", noReplication),
        fixed("replication.on_lru_eviction", .flag, "false", noReplication),
    ]

    private static let networkOptions: [ConfigOption] = [
        fixed("fspaths", .object, "", atStart), fixed("test_fspaths.root", .text, "", atStart),
        fixed("test_fspaths.count", count, "0", atStart),
        fixed("test_fspaths.instance", count, "0", atStart),
        fixed("net.ipv4", .text, "", atStart),
        fixed("net.ipv4_intra_control", .text, "", oneNetwork),
        fixed("net.ipv4_intra_data", .text, "", oneNetwork),
        fixed("net.l4.proto", .text, "tcp", atStart), fixed("net.l4.port", .text, "", atStart),
        fixed("net.l4.port_intra_control", .text, "", oneNetwork),
        fixed("net.l4.port_intra_data", .text, "", oneNetwork),
        fixed("net.l4.sndrcv_buf_size", count, "131072", kernelBuffers),
        fixed("net.http.server_crt", .text, "", noEncryption),
        fixed("net.http.server_key", .text, "", noEncryption),
        fixed("net.http.write_buffer_size", count, "65536", kernelBuffers),
        fixed("net.http.read_buffer_size", count, "65536", kernelBuffers),
        fixed("net.http.use_https", .flag, "false", noEncryption),
        fixed("net.http.skip_verify", .flag, "false", noEncryption),
        fixed(
            "net.http.chunked_transfer", .flag, "true",
            "a body whose length is known is never sent in chunks"),
    ]

    private static let otherOptions: [ConfigOption] = [
        live("fshc.test_files", .number(1...100), "4", readBy: [.target]),
        live("fshc.error_limit", .number(1...100), "2", readBy: [.target]),
        live("fshc.enabled", .flag, "true", readBy: [.target]),
        fixed("auth.secret", .text, "", noAuthentication),
        fixed("auth.enabled", .flag, "false", noAuthentication),
        fixed("downloader.timeout", anyDuration, "1h", "this build downloads nothing"),
        fixed("distributed_sort.duplicated_records", .text, "ignore", noSorting),
        fixed("distributed_sort.missing_shards", .text, "ignore", noSorting),
        fixed("distributed_sort.ekm_malformed_line", .text, "abort", noSorting),
        fixed("distributed_sort.ekm_missing_key", .text, "abort", noSorting),
        fixed("distributed_sort.default_max_mem_usage", .text, "80%", noSorting),
        fixed("distributed_sort.call_timeout", anyDuration, "10m", noSorting),
        fixed("distributed_sort.compression", .compression, "never", noSorting),
        fixed("distributed_sort.dsorter_mem_threshold", .text, "100GB", noSorting),
        fixed("compression.block_size", count, "262144", noMoving),
        fixed("compression.checksum", .flag, "false", noMoving),
    ]

    private static let atStart = "it is given by flags when the node starts"
    private static let fromLog = "the log says who is primary: PUT /v1/cluster/proxy/ID"
    private static let rotation =
        "nodes log to standard error, and rotate a file when they are told to: rotate-logs"
    private static let groupTime =
        "the voting proxies keep time in fixed ticks: a heartbeat every 50 ms"
    private static let noRetries = "a node that is not heard is asked again by its own schedule"
    private static let noMirroring = "this build does not mirror"
    private static let noEncoding = "this build does not erasure-code"
    private static let noEviction =
        "this build evicts nothing: a disk takes objects until it is full"
    private static let noMoving = "this build moves no objects between targets"
    private static let noThrottling = "this build does not throttle by the use of disks"
    private static let noReplication = "this build does not replicate"
    private static let noBackends = "this build has no backends"
    private static let noAuthentication = "this build does not authenticate"
    private static let noSorting = "this build does not sort"
    private static let noEncryption = "this build does not encrypt"
    private static let oneNetwork = "a node has one address for everything"
    private static let kernelBuffers = "the kernel sizes the buffers of sockets"
}
