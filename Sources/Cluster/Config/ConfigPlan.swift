import Base

/// A change of the configuration, worked out against one version of it: what to commit, and what it would do.
public struct ConfigPlan: Sendable {
    /// What an option is before and after.
    public struct Effect: Equatable, Sendable {
        public let name: String
        public let before: String
        public let after: String
        /// A node whose own value this is; `nil` for the cluster's.
        public let node: NodeID?
    }

    public let change: ConfigChange
    public let effects: [Effect]
    /// What works and should be thought over.
    public let cautions: [String]

    /// - Parameters:
    ///   - settings: names as a request has them, and values; all of them are made, or none.
    ///   - scope: whose values they are.
    ///   - config: what there is now.
    /// - Throws: what is wrong with them, alone or together with everything else that is set.
    public init(
        setting settings: [(name: String, value: String)], in scope: ConfigChange.Scope,
        of config: ClusterConfig
    ) throws(ConfigMistake) {
        var items: [ConfigChange.Item] = []
        for (option, value) in try Self.resolve(settings, in: scope, over: config.values)
        where !config.holds(value, for: option, in: scope) {
            items.append(ConfigChange.Item(option.name, value))
        }
        try self.init(items, scope, config)
    }

    /// Whether it is all so already.
    public var changesNothing: Bool { change.items.isEmpty }

    /// - Parameters:
    ///   - names: the options to take back; all when there are none.
    ///   - scope: whose values they are.
    ///   - config: what there is now.
    /// - Throws: that a name means no option, or that what is left does not work together.
    public init(
        resetting names: [String], in scope: ConfigChange.Scope, of config: ClusterConfig
    ) throws(ConfigMistake) {
        var set = config.names(in: scope)
        if !names.isEmpty {
            let named = try Self.named(names)
            set = set.filter { named.contains($0) }
        }
        try self.init(set.map { ConfigChange.Item($0, nil) }, scope, config)
    }

    private init(
        _ items: [ConfigChange.Item], _ scope: ConfigChange.Scope, _ config: ClusterConfig
    ) throws(ConfigMistake) {
        change = ConfigChange(scope: scope, base: config.version, items: items)
        var result = config
        _ = result.apply(change)
        switch scope {
        case .node(let id):
            try ConfigRules.check(result.values(of: id))
            try Self.checkTogether(result)
            effects = Self.effects(
                items, config.values(of: id), result.values(of: id), node: id)
            cautions = Self.newCautions(config.values(of: id), result.values(of: id))
        case .cluster:
            try ConfigRules.check(result.values)
            var effects = Self.effects(items, config.values, result.values, node: nil)
            // A node keeps what it has of its own, so each of them has to fit as well.
            for (id, _) in config.nodes {
                try ConfigRules.check(result.values(of: id))
                let lost = items.filter { config.nodes[id]?[$0.name] != nil }
                effects += Self.effects(
                    lost, config.values(of: id), result.values(of: id), node: id)
            }
            try Self.checkTogether(result)
            self.effects = effects
            cautions = Self.newCautions(config.values, result.values)
        }
    }

    private static func checkTogether(_ config: ClusterConfig) throws(ConfigMistake) {
        try ConfigRules.check(
            together: [config.values] + config.nodes.map { config.values(of: $0.key) })
    }

    private static func newCautions(_ before: ConfigValues, _ after: ConfigValues) -> [String] {
        let known = ConfigRules.cautions(before)
        return ConfigRules.cautions(after).filter { !known.contains($0) }
    }

    private static func effects(
        _ items: [ConfigChange.Item], _ before: ConfigValues, _ after: ConfigValues, node: NodeID?
    ) -> [Effect] {
        items.filter { ConfigOption.named($0.name) != nil }.map {
            Effect(
                name: $0.name, before: before[$0.name], after: after[$0.name], node: node)
        }
    }

    // MARK: Names and values

    /// The options that a request sets, with their values as they are kept. Documents that are sent back have everything, so
    /// what cannot be set may be named with the value that it has; it is left out.
    ///
    /// - Parameters:
    ///   - settings: names as a request has them, and values.
    ///   - scope: whose values they are.
    ///   - now: what there is, for what cannot be set.
    ///   - isTransient: whether they are for the present run of nodes only.
    /// - Returns: the options to set, in their order.
    /// - Throws: what is wrong with one of them.
    public static func resolve(
        _ settings: [(name: String, value: String)], in scope: ConfigChange.Scope,
        over now: ConfigValues, isTransient: Bool = false
    ) throws(ConfigMistake) -> [(option: ConfigOption, value: String)] {
        guard settings.count <= ConfigChange.itemsMax else { throw .tooMany(settings.count) }
        var resolved: [(option: ConfigOption, value: String)] = []
        var named: Set<String> = []
        for (name, value) in settings {
            let option = try ConfigOption.find(name)
            guard named.insert(option.name).inserted else { throw .namedTwice(option.name) }
            do throws(ConfigMistake) {
                try option.requireSettable(in: scope, isTransient: isTransient)
            } catch {
                guard let wanted = try? option.canonical(value) else { throw error }
                if option.isSame(wanted, now[option.name]) { continue }
                // An earlier build took other values; the way back is open.
                guard option.refusal != nil, wanted == option.initial, scope == .cluster,
                    !isTransient
                else { throw error }
                resolved.append((option, wanted))
                continue
            }
            resolved.append((option, try option.canonical(value)))
        }
        return resolved
    }

    /// The full names of the options to take back.
    public static func named(_ names: [String]) throws(ConfigMistake) -> [String] {
        guard names.count <= ConfigChange.itemsMax else { throw .tooMany(names.count) }
        var found: [String] = []
        for name in names {
            let option = try ConfigOption.find(name)
            guard !found.contains(option.name) else { throw .namedTwice(option.name) }
            found.append(option.name)
        }
        return found
    }
}

extension ClusterConfig {
    /// Whether an option has this value there, so that setting it would change nothing on any node.
    fileprivate func holds(
        _ value: String, for option: ConfigOption, in scope: ConfigChange.Scope
    ) -> Bool {
        // Where nothing is set, a node's file may say something else than the default.
        let implied = option.isOfFile ? nil : option.initial
        let shared = settings[option.name]?.value ?? implied
        switch scope {
        case .cluster:
            // What nodes have of their own would go.
            return shared == value && nodes.allSatisfy { $0.value[option.name] == nil }
        case .node(let id): return nodes[id]?[option.name]?.value ?? shared == value
        }
    }

    /// The options that somebody has set; for the cluster, those of nodes as well.
    fileprivate func names(in scope: ConfigChange.Scope) -> [String] {
        switch scope {
        case .node(let id): return Array((nodes[id] ?? Settings()).keys)
        case .cluster:
            var names = Set(settings.keys)
            for own in nodes.values { names.formUnion(own.keys) }
            return names.sorted()
        }
    }
}
