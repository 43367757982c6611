/// What must hold between options, and what this build can do of what they promise: a configuration that breaks it is
/// refused before it is committed.
enum ConfigRules {
    /// A change at the primary takes so long at the most, beside the wait for targets: two elections in a row, and the
    /// way there and back. Who forwards one must be more patient, or it reports outcomes as unknown that are not.
    private static let changeNanoseconds: UInt64 = 6_000_000_000
    /// A target that gives a proxy up sooner than this does so for a hiccup; and a proxy lets a silent target go after
    /// half a minute.
    private static let silence: ClosedRange<UInt64> = 1_000_000_000...25_000_000_000

    static func check(_ values: ConfigValues) throws(ConfigMistake) {
        let wait = values.nanoseconds("timeout.cplane_operation")
        try checkPatience(of: values, with: wait, "")
        guard
            values.nanoseconds("client.list_timeout") > values.nanoseconds("timeout.max_keepalive")
        else {
            throw .conflict(
                "client.list_timeout must exceed timeout.max_keepalive: a listing asks slow targets "
                    + "whether they live")
        }
        let (product, overflow) = values.nanoseconds("keepalivetracker.target.interval")
            .multipliedReportingOverflow(by: values.number("keepalivetracker.target.factor"))
        guard !overflow, silence.contains(product) else {
            throw .conflict(
                "keepalivetracker.target.interval times factor must be from 1s to 25s: after that "
                    + "time targets give up a proxy that says nothing")
        }
        guard
            values.number("fshc.error_limit", as: UInt64.self)
                <= values.number("fshc.test_files", as: UInt64.self)
        else {
            throw .conflict(
                "fshc.error_limit must not exceed fshc.test_files: a disk that fails every test would "
                    + "stay in use")
        }
        try checkBuckets(values.bucketDefaults)
    }

    /// Whether a rule may speak of this option of nodes.
    static func governs(_ name: String) -> Bool {
        ["timeout.", "client.", "keepalivetracker.", "fshc."].contains { name.hasPrefix($0) }
    }

    /// Between nodes with settings of their own: any of them may have to wait for any other.
    static func check(together nodes: [ConfigValues]) throws(ConfigMistake) {
        let waits = nodes.map { $0.nanoseconds("timeout.cplane_operation") }
        guard let longest = waits.max() else { return }
        for values in nodes { try checkPatience(of: values, with: longest, " of any node") }
    }

    private static func checkPatience(
        of values: ConfigValues, with wait: UInt64, _ whose: String
    ) throws(ConfigMistake) {
        guard values.nanoseconds("client.client_timeout") >= wait + changeNanoseconds else {
            throw .conflict(
                "client.client_timeout (\(values["client.client_timeout"])) must exceed "
                    + "timeout.cplane_operation\(whose) (\(wait / 1_000_000)ms) by 6s: a "
                    + "forwarded change waits for the primary, which waits for targets")
        }
    }

    private static func checkBuckets(_ buckets: BucketProperties) throws(ConfigMistake) {
        let lru = buckets.lru
        guard lru.lowWatermark > 0, lru.lowWatermark <= lru.highWatermark,
            lru.highWatermark <= lru.outOfSpace, lru.outOfSpace <= 100
        else { throw .conflict("lru wants 0 < lowwm <= highwm <= out_of_space <= 100") }
        guard buckets.versioning.enabled || !buckets.versioning.validateWarmGet else {
            throw .conflict("versioning.validate_warm_get wants versioning.enabled")
        }
        if let (name, reason) = buckets.unserved { throw .refused(name, reason: reason) }
    }

    /// What works and should be thought over first.
    static func cautions(_ values: ConfigValues) -> [String] {
        var cautions: [String] = []
        if values["write_policy"] == WritePolicy.delayed.rawValue {
            cautions.append(
                "write_policy=delayed: new buckets acknowledge objects that a power failure can "
                    + "take")
        }
        if values["checksum.type"] == ChecksumType.none.rawValue {
            cautions.append("checksum.type=none: damage to objects of new buckets is not noticed")
        }
        if !values.flag("checksum.validate_cold_get"), !values.flag("checksum.validate_warm_get") {
            cautions.append(
                "checksum.validate_cold_get=false: checksums that clients send along with objects of "
                    + "new buckets are not compared with the bytes")
        }
        if values.flag("checksum.validate_warm_get") {
            cautions.append(
                values["checksum.type"] == ChecksumType.none.rawValue
                    ? "checksum.validate_warm_get=true: without a checksum.type there is nothing to "
                        + "compare objects of new buckets with"
                    : "checksum.validate_warm_get=true: each GET of an object of a new bucket reads it "
                        + "twice")
        }
        if !values.flag("fshc.enabled") {
            cautions.append(
                "fshc.enabled=false: a disk that fails stays in use until somebody disables it")
        }
        if values.number("client.features") & 1 == 1 {
            cautions.append(
                "client.features=1: targets answer reads that no proxy has directed to them, and "
                    + "with them from a map that may be old")
        }
        return cautions
    }
}

extension BucketProperties {
    /// What these properties promise and this build does not do: the option and the reason.
    public var unserved: (name: String, reason: String)? {
        if checksum.type != .xxhash, checksum.type != .none {
            return (
                "checksum.type",
                "the checksum type '\(checksum.type.rawValue)' is not served by this build"
            )
        }
        if checksum.enableReadRange {
            return ("checksum.enable_read_range", "this build computes no checksums of ranges")
        }
        if mirror.enabled { return ("mirror.enabled", "this build does not mirror") }
        if erasureCoding.enabled { return ("ec.enabled", "this build does not erasure-code") }
        return nil
    }
}
