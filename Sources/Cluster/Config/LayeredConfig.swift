import Base

/// What one node acts on, layer over layer: the defaults, the node's configuration file, the cluster's settings, the
/// node's own, and on top what was set for this run only.
public struct LayeredConfig: Equatable, Sendable {
    /// Where a value comes from.
    public enum Source: String, Sendable {
        case file
        case cluster
        case node
        case transient
    }

    private struct Transient: Equatable, Sendable {
        var value: String
        /// The committed settings it covers: another one of either kind is a later word, and counts.
        var covered: Stamp
    }

    private struct Stamp: Equatable, Sendable {
        var cluster: UInt64?
        var node: UInt64?
    }

    public let node: NodeID
    private let file: [String: String]
    private var config = ClusterConfig()
    private var transient: [String: Transient] = [:]
    /// All layers laid over one another.
    public private(set) var values: ConfigValues

    /// - Parameters:
    ///   - node: whose own settings count.
    ///   - file: values by the options' names, as the node was started with.
    public init(node: NodeID, file: [String: String]) {
        self.node = node
        self.file = file
        values = ConfigValues([])
        renew()
    }

    public var version: UInt64 { config.version }

    /// Takes the committed configuration over.
    ///
    /// - Returns: whether it is another one for this node. A forced recovery may bring other settings under a version that
    ///   was there before.
    @discardableResult
    public mutating func follow(_ config: ClusterConfig) -> Bool {
        let old = self.config
        guard
            config.version != old.version || config.settings != old.settings
                || config.nodes[node] != old.nodes[node]
        else { return false }
        self.config = config
        transient = transient.filter { stamp($0.key) == $0.value.covered }
        renewWithoutContradiction()
        return true
    }

    /// What is for this run was checked with what was kept then. Where the two contradict each other now, the later word
    /// counts, which was checked without it.
    private mutating func renewWithoutContradiction() {
        renew()
        if (try? ConfigRules.check(values)) == nil {
            transient = transient.filter { !ConfigRules.governs($0.key) }
            renew()
        }
    }

    /// Sets values for this run, all or none of them.
    public mutating func setTransient(
        _ settings: [(name: String, value: String)]
    ) throws(ConfigMistake) {
        var next = self
        for (option, value) in try ConfigPlan.resolve(
            settings, in: .node(node), over: values, isTransient: true)
        {
            next.transient[option.name] = Transient(value: value, covered: stamp(option.name))
        }
        next.renew()
        try ConfigRules.check(next.values)
        self = next
    }

    /// Takes values back that were set for this run; all when no name is given.
    public mutating func resetTransient(_ names: [String]) throws(ConfigMistake) {
        var next = self
        for name in names.isEmpty ? Array(transient.keys) : try ConfigPlan.named(names) {
            next.transient[name] = nil
        }
        next.renew()
        try ConfigRules.check(next.values)
        self = next
    }

    /// Has values that were set for this run give way to the last word about these options, which is kept; all of them when
    /// no name is given.
    public mutating func giveWay(_ names: [String]) {
        let options = names.compactMap { (try? ConfigOption.find($0))?.name }
        transient = names.isEmpty ? [:] : transient.filter { !options.contains($0.key) }
        renewWithoutContradiction()
    }

    /// Where the values come from that are not defaults.
    public var sources: [(name: String, source: Source)] {
        ConfigOption.all.compactMap { option in
            let name = option.name
            if transient[name] != nil { return (name, .transient) }
            if config.nodes[node]?[name] != nil { return (name, .node) }
            if config.settings[name] != nil { return (name, .cluster) }
            return file[name] != nil ? (name, .file) : nil
        }
    }

    /// What works and should be thought over.
    public var cautions: [String] { ConfigRules.cautions(values) }

    /// What differs in another state of the same node.
    public func effects(of next: LayeredConfig) -> [ConfigPlan.Effect] {
        ConfigOption.all.compactMap { option in
            let (before, after) = (values[option.name], next.values[option.name])
            guard before != after else { return nil }
            return ConfigPlan.Effect(name: option.name, before: before, after: after, node: node)
        }
    }

    private func stamp(_ name: String) -> Stamp {
        Stamp(
            cluster: config.settings[name]?.version,
            node: config.nodes[node]?[name]?.version)
    }

    private mutating func renew() {
        var values = ConfigValues([])
        for (name, value) in file { values.lay(value, over: name) }
        for layer in [config.settings, config.nodes[node] ?? .init()] {
            for (name, setting) in layer { values.lay(setting.value, over: name) }
        }
        for (name, setting) in transient { values.lay(setting.value, over: name) }
        self.values = values
    }
}
