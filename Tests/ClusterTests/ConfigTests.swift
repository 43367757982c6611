import Base
import Cluster
import Testing

/// The table of options, and what is made of names and values.
@Suite struct ConfigOptionTests {
    @Test func `a default is a value its option takes, and all defaults together are possible`()
        throws
    {
        for option in ConfigOption.all where option.canBeSet {
            #expect(throws: Never.self) { try option.canonical(option.initial) }
        }
        _ = try ConfigPlan(
            setting: ConfigOption.all.filter(\.canBeSet).map { ($0.name, $0.initial) },
            in: .cluster, of: ClusterConfig())
        #expect(ClusterConfig().bucketDefaults == BucketProperties())
    }

    @Test(arguments: [
        ("stats_time", "periodic.stats_time"), ("periodic.stats_time", "periodic.stats_time"),
        ("log.loglevel", "log.level"), ("loglevel", "log.level"), ("log_level", "log.level"),
        ("level", "log.level"), ("client_timeout", "client.client_timeout"),
        ("write_policy", "write_policy"),
    ])
    func `an option is found by its dotted name, an alias, or its leaf`(
        _ name: String, _ full: String
    ) throws {
        #expect(try ConfigOption.find(name).name == full)
    }

    @Test func `a leaf that several options share names none`() {
        #expect(throws: ConfigMistake.self) { try ConfigOption.find("enabled") }
        #expect(throws: ConfigMistake.self) { try ConfigOption.find("interval") }
        #expect(throws: ConfigMistake.unknown("nonsense")) { try ConfigOption.find("nonsense") }
        #expect(throws: ConfigMistake.unknown("Stats_time")) { try ConfigOption.find("Stats_time") }
        #expect(throws: ConfigMistake.unknown("x.stats_time")) {
            try ConfigOption.find("x.stats_time")
        }
    }

    @Test(arguments: [
        ("10s", 10_000_000_000), ("1m30s", 90_000_000_000), ("100ms", 100_000_000),
        ("1.5s", 1_500_000_000), ("2h", 7_200_000_000_000), ("7µs", 7_000), ("0", 0),
        ("120m", 7_200_000_000_000), (".5s", 500_000_000),
    ])
    func `durations are read with their units`(_ text: String, _ nanoseconds: UInt64) {
        #expect(ConfigDuration.nanoseconds(text) == nanoseconds)
    }

    @Test(arguments: [
        "", "10", "s", "10 s", "-10s", "+1s", "10S", "1e3s", ".s", "1..5s", "10sec", "1s,",
        "99999999999999999999s", "9999999999h", "١s",
    ])
    func `what is no duration is refused`(_ text: String) {
        #expect(ConfigDuration.nanoseconds(text) == nil)
    }

    @Test(arguments: [
        ("periodic.stats_time", "10"), ("periodic.stats_time", "1ms"), ("log.level", "6"),
        ("log.level", "loud"), ("lru.enabled", "maybe"), ("lru.lowwm", "101"),
        ("mirror.copies", "1"), ("mirror.copies", "-2"), ("mirror.copies", "2.5"),
        ("checksum.type", "crc"), ("ec.compression", "ratio=x"), ("client.features", "2"),
        ("write_policy", ""), ("ec.objsize_limit", "256K"),
    ])
    func `a value outside of its range or without its unit is refused`(
        _ name: String, _ value: String
    ) throws {
        let option = try ConfigOption.find(name)
        #expect(throws: ConfigMistake.self) { try option.canonical(value) }
    }

    @Test func `every option is settable, or says why it is not`() {
        for option in ConfigOption.all {
            if case .fixed(let reason) = option.effect {
                #expect(reason.utf8.count > 10, "\(option.name)")
                #expect(throws: ConfigMistake.refused(option.name, reason: reason)) {
                    try option.requireSettable(in: .cluster)
                }
            }
        }
    }
}

/// Changes of the configuration: checked as a whole, applied alike everywhere.
@Suite struct ConfigChangeTests {
    @Test func `several values are set together or not at all`() {
        #expect(throws: ConfigMistake.self) {
            try ConfigPlan(
                setting: [("stats_time", "33s"), ("loglevel", "9")], in: .cluster,
                of: ClusterConfig())
        }
        #expect(throws: ConfigMistake.namedTwice("periodic.stats_time")) {
            try ConfigPlan(
                setting: [("stats_time", "33s"), ("periodic.stats_time", "33s")], in: .cluster,
                of: ClusterConfig())
        }
    }

    @Test(arguments: [
        [("client_timeout", "7s")], [("cplane_operation", "5s")],
        [("timeout.max_keepalive", "10s"), ("list_timeout", "10s")],
        [("keepalivetracker.target.interval", "10s")], [("keepalivetracker.target.factor", "30")],
        [("keepalivetracker.target.interval", "100ms")], [("lru.lowwm", "91")],
        [("lru.out_of_space", "80")],
        [("versioning.enabled", "false"), ("versioning.validate_warm_get", "true")],
        [("mirror.enabled", "true")], [("ec.enabled", "true")], [("checksum.type", "md5")],
    ])
    func `what would not work together is refused before it is committed`(
        _ settings: [(String, String)]
    ) {
        #expect(throws: ConfigMistake.self) {
            try ConfigPlan(
                setting: settings.map { (name: $0.0, value: $0.1) }, in: .cluster,
                of: ClusterConfig())
        }
    }

    @Test func `new buckets may have every GET validated, and it is said what that costs`() throws {
        var log = try ConfigLog()
        #expect(!log.state.config.bucketDefaults.checksum.validateWarmGet)
        let plan = try ConfigPlan(
            setting: [("checksum.validate_warm_get", "true")], in: .cluster, of: log.state.config)
        #expect(plan.cautions.contains { $0.contains("reads it twice") })
        #expect(try log.set([("checksum.validate_warm_get", "true")]))
        #expect(log.state.config.bucketDefaults.checksum.validateWarmGet)
        #expect(log.state.config.bucketDefaults.unserved == nil)
        let careless = try ConfigPlan(
            setting: [("validate_cold_get", "false"), ("checksum.validate_warm_get", "false")],
            in: .cluster, of: log.state.config)
        #expect(careless.cautions.contains { $0.contains("not compared") })
    }

    @Test(arguments: [
        ("lru.enabled", "false"), ("lru.lowwm", "70"), ("lru.highwm", "91"),
        ("lru.out_of_space", "96"), ("lru.dont_evict_time", "1h"), ("capacity_upd_time", "1m"),
        ("mirror.enabled", "true"), ("mirror.copies", "3"), ("burst_buffer", "1"),
        ("util_thresh", "30"), ("optimize_put", "true"), ("ec.enabled", "true"),
        ("data_slices", "2"), ("parity_slices", "2"), ("objsize_limit", "1"),
        ("batch_size", "32"), ("ec.compression", "always"), ("validate_obj_move", "true"),
        ("enable_read_range", "true"), ("versioning.validate_warm_get", "true"),
    ])
    func `what no bucket does is refused by name with the reason, and written back as it is`(
        _ name: String, _ value: String
    ) throws {
        let option = try ConfigOption.find(name)
        let config = ClusterConfig()
        #expect(throws: ConfigMistake.refused(option.name, reason: option.refusal ?? "")) {
            try ConfigPlan(setting: [(name, value)], in: .cluster, of: config)
        }
        #expect(
            try ConfigPlan(setting: [(name, option.initial)], in: .cluster, of: config)
                .changesNothing)
    }

    @Test func `an option that an earlier build took goes on, and can be taken back`() throws {
        var log = try ConfigLog()
        _ = log.apply(
            .setConfig(ConfigChange(scope: .cluster, base: 1, items: [.init("lru.highwm", "80")])))
        #expect(log.state.config.bucketDefaults.lru.highWatermark == 80)
        #expect(try !log.set([("lru.highwm", "80")]))
        #expect(throws: ConfigMistake.self) { try log.set([("lru.highwm", "81")]) }
        for isReset in [false, true] {
            var copy = log
            #expect(try isReset ? copy.reset(["lru.highwm"]) : copy.set([("lru.highwm", "90")]))
            #expect(copy.state.config.bucketDefaults == BucketProperties())
        }
    }

    @Test func `setting what is set, or resetting what is not, changes nothing`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(try !log.set([("stats_time", "10s"), ("lru.enabled", "on")]))
        #expect(try !log.reset([]) && !log.reset(["stats_time", "lru.highwm"]))
        #expect(try log.set([("stats_time", "33s"), ("list_timeout", "3m")]))
        #expect(log.state.config.settings.count == 1)
        #expect(
            try !log.set([("stats_time", "33s")]) && !log.set([("stats_time", "33s")], .node(t1)))
        #expect(log.state.config.version == 2)
        // A node's own value would go; and a file may say otherwise than the default.
        #expect(try log.set([("stats_time", "1s")], .node(t1)))
        #expect(try !log.set([("stats_time", "1s")], .node(t1)))
        #expect(try log.set([("stats_time", "33s")]) && !log.set([("stats_time", "33s")]))
        #expect(try log.set([("loglevel", "3")]) && !log.set([("loglevel", "info")]))
        #expect(log.state.config.nodes.isEmpty)
    }

    @Test func `the time without rebalance is the cluster's, and bounded`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(log.state.config.values.nanoseconds("rebalance.dont_run_time") == 0)
        #expect(try log.set([("rebalance.dont_run_time", "90s")]))
        #expect(
            log.state.config.values.nanoseconds("rebalance.dont_run_time") == 90_000_000_000)
        for (value, scope) in [("25h", ConfigChange.Scope.cluster), ("1s", .node(t1))] {
            #expect(throws: ConfigMistake.self) {
                try ConfigPlan(
                    setting: [("rebalance.dont_run_time", value)], in: scope,
                    of: log.state.config)
            }
        }
    }

    @Test func `values that only work together are set together`() throws {
        let plan = try ConfigPlan(
            setting: [("cplane_operation", "5s"), ("client_timeout", "11s")], in: .cluster,
            of: ClusterConfig())
        #expect(plan.effects.map(\.before) == ["2s", "10s"])
        #expect(plan.effects.map(\.after) == ["5s", "11s"])
    }

    /// The primary may be any of the proxies, and who waits for it any other.
    @Test func `a node is no less patient than another one may be slow`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(throws: ConfigMistake.self) {
            try log.set([("cplane_operation", "9s"), ("client_timeout", "15s")], .node(t1))
        }
        #expect(try log.set([("client_timeout", "15s")]))
        #expect(try log.set([("cplane_operation", "9s")], .node(t1)))
        // What the slow one waits for binds the others, until it is taken back.
        #expect(throws: ConfigMistake.self) { try log.reset(["client_timeout"]) }
        #expect(throws: ConfigMistake.self) { try log.set([("client_timeout", "14s")]) }
        #expect(try log.reset([], .node(t1)))
        #expect(try log.reset(["client_timeout"]))
    }

    @Test func `a change made against an older version is refused, the same everywhere`() throws {
        var log = try ConfigLog()
        let plan = try ConfigPlan(
            setting: [("stats_time", "33s")], in: .cluster, of: log.state.config)
        #expect(log.apply(.setConfig(plan.change)) == .success(2))
        let before = log.state
        #expect(
            log.apply(.setConfig(plan.change)) == .failure(.changedMeanwhile(.config, version: 2)))
        #expect(log.state.config == before.config)
        #expect(log.state.hash == before.hash)
    }

    @Test func `a node's own value counts there, until the cluster's is set anew`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(try log.set([("loglevel", "4")], .node(t1)))
        #expect(log.state.config.values(of: t1)["log.level"] == "4")
        #expect(log.state.config.values["log.level"] == "3")
        #expect(try log.set([("stats_time", "5s")]))
        #expect(log.state.config.values(of: t1)["log.level"] == "4")
        #expect(try log.set([("loglevel", "1")]))
        #expect(log.state.config.values(of: t1)["log.level"] == "1")
        #expect(log.state.config.nodes.isEmpty)
    }

    @Test func `options of the whole cluster are not a node's to set`() throws {
        let log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        for (name, value) in [("checksum.type", "none"), ("keepalivetracker.target.factor", "6")] {
            #expect(throws: ConfigMistake.self) {
                try ConfigPlan(setting: [(name, value)], in: .node(t1), of: log.state.config)
            }
        }
    }

    @Test func `a reset takes back one option, or all, those of nodes as well`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(try log.set([("loglevel", "4")], .node(t1)))
        #expect(try log.set([("stats_time", "5s"), ("list_timeout", "1m")]))
        #expect(try log.reset(["stats_time"]))
        #expect(log.state.config.values["periodic.stats_time"] == "10s")
        #expect(log.state.config.values["client.list_timeout"] == "1m")
        #expect(try log.reset([]))
        #expect(log.state.config.settings.isEmpty && log.state.config.nodes.isEmpty)
        #expect(log.state.config.version == 5)
    }

    @Test func `a node takes its settings along when it is taken off the map`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        #expect(try log.set([("loglevel", "4")], .node(t1)))
        #expect((try? log.apply(.removeNode(t1)).get()) != nil)
        #expect(log.state.config.nodes.isEmpty)
        let plan = try ConfigPlan(
            setting: [("loglevel", "4")], in: .node(t1), of: log.state.config)
        #expect(log.apply(.setConfig(plan.change)) == .failure(.noSuchNode(t1)))
    }

    @Test func `rows and snapshots give back the same configuration and the same hash`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        let bare = log.state
        #expect(try log.set([("loglevel", "4"), ("write_policy", "delayed")]))
        #expect(try log.set([("stats_time", "1s")], .node(t1)))
        for state in [bare, log.state] {
            let rows = try ClusterState(rows: state.rows, position: state.position)
            #expect(rows == state)
            #expect(rows.hash == state.hash)
            #expect(try ClusterState(snapshot: state.snapshot) == state)
        }
        #expect(log.state.config.bucketDefaults.writePolicy == .delayed)
    }

    @Test func `the row keeps its first format while nothing is set`() throws {
        var log = try ConfigLog()
        func format() -> UInt8? { log.state.rows.first { $0.kind == .config }?.value.first }
        #expect(format() == 1)
        #expect(try log.set([("loglevel", "4")]))
        #expect(format() == 2)
        #expect(try log.reset([]))
        #expect(format() == 1)
        #expect(log.state.config.version == 3)
    }

    @Test func `a change comes back from its record as it was, and every truncation is refused`()
        throws
    {
        let t1 = try #require(NodeID("t1"))
        for scope in [ConfigChange.Scope.cluster, .node(t1)] {
            let change = ConfigChange(
                scope: scope, base: 7, items: [.init("log.level", "4"), .init("lru.lowwm", nil)])
            let record = LogRecord(.setConfig(change), actor: "p1")
            #expect(try LogRecord(decoding: record.encoded) == record)
            for count in record.encoded.indices {
                #expect(throws: DecodingFailure.self) {
                    try LogRecord(decoding: Array(record.encoded.prefix(count)))
                }
            }
        }
    }
}

/// What one node acts on.
@Suite struct LayeredConfigTests {
    @Test func `the file gives way to the log, the cluster to the node, and all to this run`()
        throws
    {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        var layers = LayeredConfig(node: t1, file: ["log.level": "0"])
        func level() -> String { layers.values["log.level"] }
        #expect(level() == "0")
        #expect(try log.set([("loglevel", "1")]))
        layers.follow(log.state.config)
        #expect(level() == "1")
        #expect(try log.set([("loglevel", "2")], .node(t1)))
        layers.follow(log.state.config)
        #expect(level() == "2")
        try layers.setTransient([("loglevel", "4")])
        #expect(level() == "4")
        #expect(layers.sources.map(\.source) == [.transient])
        // Another option's change leaves it alone; a later word about the same one does not.
        #expect(try log.set([("stats_time", "1s")]))
        layers.follow(log.state.config)
        #expect(level() == "4")
        #expect(try log.set([("loglevel", "1")], .node(t1)))
        layers.follow(log.state.config)
        #expect(level() == "1")
    }

    /// Setting what is set leaves no entry; whoever asked the node itself is told it is so, so it must be.
    @Test func `what is for this run gives way to the last word, though it changes nothing`() throws
    {
        let t1 = try #require(NodeID("t1"))
        var layers = LayeredConfig(node: t1, file: [:])
        try layers.setTransient([("loglevel", "4"), ("stats_time", "1s")])
        layers.giveWay(["log.loglevel"])
        #expect(layers.values["log.level"] == "3" && layers.values["periodic.stats_time"] == "1s")
        layers.giveWay(["nonsense"])
        #expect(layers.values["periodic.stats_time"] == "1s")
        // Only together were these possible.
        try layers.setTransient([("cplane_operation", "5s"), ("client_timeout", "11s")])
        layers.giveWay(["client_timeout"])
        #expect(layers.values["timeout.cplane_operation"] == "2s")
        layers.giveWay([])
        #expect(layers.sources.isEmpty)
    }

    @Test(arguments: [
        "checksum.validate_warm_get", "keepalivetracker.target.factor", "write_policy",
    ])
    func `what is the cluster's is not for one run, and the way is said`(_ name: String) throws {
        let t1 = try #require(NodeID("t1"))
        let value = ["write_policy": "delayed", "checksum.validate_warm_get": "true"][name] ?? "6"
        for scope in [ConfigChange.Scope.cluster, .node(t1)] {
            do throws(ConfigMistake) {
                _ = try ConfigPlan.resolve(
                    [(name, value)], in: scope, over: ClusterConfig().values, isTransient: true)
                Issue.record("\(name) is taken for one run")
            } catch {
                guard case .refused(name, let reason) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(reason.contains("PUT /v1/cluster, without transient"))
            }
        }
        // Which works.
        _ = try ConfigPlan(setting: [(name, value)], in: .cluster, of: ClusterConfig())
    }

    @Test func `what a recovery brings under a known version counts as well`() throws {
        let t1 = try #require(NodeID("t1"))
        var (one, other) = (try ConfigLog(), try ConfigLog())
        #expect(try one.set([("loglevel", "1")]))
        #expect(try other.set([("loglevel", "4")]))
        var layers = LayeredConfig(node: t1, file: [:])
        let isNew = [one, one, other].map { layers.follow($0.state.config) }
        #expect(isNew == [true, false, true])
        #expect(layers.values["log.level"] == "4")
    }

    @Test func `what is for this run gives way to what is kept and contradicts it`() throws {
        var log = try ConfigLog()
        let t1 = try #require(NodeID("t1"))
        var layers = LayeredConfig(node: t1, file: [:])
        try layers.setTransient([("client_timeout", "8s"), ("loglevel", "4")])
        #expect(layers.values["client.client_timeout"] == "8s")
        #expect(try log.set([("cplane_operation", "3s")]))
        layers.follow(log.state.config)
        #expect(layers.values["client.client_timeout"] == "10s")
        #expect(layers.sources.map(\.name) == ["log.level", "timeout.cplane_operation"])
    }

    @Test func `values for this run are checked with all others, and changed all or none`() throws {
        let t1 = try #require(NodeID("t1"))
        var layers = LayeredConfig(node: t1, file: [:])
        let before = layers
        #expect(throws: ConfigMistake.self) {
            try layers.setTransient([("loglevel", "4"), ("cplane_operation", "9s")])
        }
        #expect(throws: ConfigMistake.self) { try layers.setTransient([("checksum.type", "none")]) }
        #expect(layers == before)
        try layers.setTransient([("loglevel", "4"), ("stats_time", "1s")])
        try layers.resetTransient(["loglevel"])
        #expect(layers.sources.map(\.name) == ["periodic.stats_time"])
        try layers.resetTransient([])
        #expect(layers == before)
    }
}

/// A founded cluster with the target t1, whose configuration a test changes.
struct ConfigLog {
    private(set) var state = ClusterState()
    private var index: UInt64 = 0

    init() throws {
        let founder = Node(
            id: try #require(NodeID("p1")), role: .proxy,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 1)), member: 1)
        let target = Node(
            id: try #require(NodeID("t1")), role: .target,
            address: try #require(NodeAddress(host: "127.0.0.1", port: 2)))
        _ = apply(.found(clusterID: "c", founder: founder, generation: 1, nonce: 0))
        _ = apply(.setNode(target))
    }

    mutating func apply(_ command: Command) -> Result<UInt64, Rejection> {
        index += 1
        var changes: [StateRow.Change] = []
        return state.apply(
            LogRecord(command, actor: "test"),
            at: LogPosition(generation: 1, nonce: 0, term: 1, index: index),
            time: Timestamp(nanoseconds: index), changes: &changes
        ).result
    }

    /// - Returns: whether the change was made.
    mutating func set(
        _ settings: [(name: String, value: String)], _ scope: ConfigChange.Scope = .cluster
    ) throws -> Bool {
        let plan = try ConfigPlan(setting: settings, in: scope, of: state.config)
        guard !plan.changesNothing else { return false }
        return (try? apply(.setConfig(plan.change)).get()) != nil
    }

    mutating func reset(
        _ names: [String], _ scope: ConfigChange.Scope = .cluster
    ) throws -> Bool {
        let plan = try ConfigPlan(resetting: names, in: scope, of: state.config)
        guard !plan.changesNothing else { return false }
        return (try? apply(.setConfig(plan.change)).get()) != nil
    }
}
