package import Cluster

extension ConfigRequest {
    /// Carries out a transient request at the node itself, without the log.
    ///
    /// - Parameters:
    ///   - config: what the node acts on.
    ///   - edition: the header of that name (``HeaderName/settingsEdition``), when whoever asks has asked before.
    ///   - role: the node's, when it alone was asked; what all nodes are asked for may mean nothing to some.
    /// - Returns: what it would do, when that was all that was asked for.
    /// - Throws: why it is not done.
    package func applyTransient(
        to config: LiveConfig, in edition: String? = nil, alone role: NodeRole? = nil
    ) throws(Failure) -> ConfigReport? {
        if let role { try requireReader(role, over: config.values) }
        if isDryRun { return try preview(on: config.current) }
        let bound = edition.map { UInt64($0) ?? .max }
        let isDone: Bool
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings): isDone = try config.setTransient(settings, in: bound)
            case .reset(let names): isDone = try config.resetTransient(names, in: bound)
            }
        } catch {
            throw Failure(error)
        }
        guard isDone else {
            throw Failure(
                .configChanged, "the settings have changed since it was asked whether it would",
                next: "send the request again")
        }
        return nil
    }

    private func preview(on config: LayeredConfig) throws(Failure) -> ConfigReport {
        var next = config
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings): try next.setTransient(settings)
            case .reset(let names): try next.resetTransient(names)
            }
        } catch {
            let refusal = Failure(error)
            // Only what other options say can be another way one day.
            guard case .conflict = error else { throw refusal }
            return ConfigReport(blockedBy: refusal, version: config.version)
        }
        return ConfigReport(from: config, to: next)
    }

    /// Says what is wrong with the names and values, whatever is set now: no need to ask a primary.
    ///
    /// - Parameters:
    ///   - scope: whose values they are.
    ///   - values: what this node acts on.
    ///   - facts: what it says of itself in its document.
    /// - Returns: the request without what cannot be set and was named as it is, as in a document that is sent back.
    /// - Throws: what is wrong with it.
    package func narrowed(
        in scope: ConfigChange.Scope, over values: ConfigValues, _ facts: ConfigDocument.Facts
    ) throws(Failure) -> ConfigRequest {
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings):
                let settable = try ConfigPlan.resolve(
                    settings.filter { !facts.say($0.name, $0.value) }, in: scope, over: values,
                    isTransient: isTransient)
                return ConfigRequest(
                    .set(settable.map { ($0.option.name, $0.value) }), of: self)
            case .reset(let names):
                _ = try ConfigPlan.named(names)
                return self
            }
        } catch {
            throw Failure(error)
        }
    }

    /// Refuses options that a node does not act on, unless they are named as they are there.
    package func requireReader(_ role: NodeRole, over values: ConfigValues) throws(Failure) {
        guard case .set(let settings) = operation else { return }
        for (name, value) in settings {
            guard let option = try? ConfigOption.find(name),
                (try? option.canonical(value)) != values[option.name]
            else { continue }
            do throws(ConfigMistake) {
                try option.requireReader(role)
            } catch {
                throw Failure(error)
            }
        }
    }

    /// Whether nothing is left that could be changed.
    package var isEmpty: Bool {
        if case .set(let settings) = operation { return settings.isEmpty }
        return false
    }

    /// The change this asks for, of that configuration.
    package func plan(
        in scope: ConfigChange.Scope, of config: ClusterConfig
    ) throws(Failure) -> ConfigPlan {
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings):
                return try ConfigPlan(setting: settings, in: scope, of: config)
            case .reset(let names):
                return try ConfigPlan(resetting: names, in: scope, of: config)
            }
        } catch {
            throw Failure(error)
        }
    }

    /// The action that says the same.
    package var action: Action { resetNames == nil ? .setConfig : .resetConfig }

    /// The names a reset is about; `nil` for anything else.
    package var resetNames: [String]? {
        if case .reset(let names) = operation { return names }
        return nil
    }

    /// Has what was set for this run give way to this request, which was made and is kept.
    package func prevail(over config: LiveConfig) {
        switch operation {
        case .set(let settings):
            if !settings.isEmpty { config.giveWay(settings.map(\.name)) }
        case .reset(let names): config.giveWay(names)
        }
    }

    /// What is said in the answer when everything is so already.
    package static let unchanged =
        "nothing was changed: it is so already; what nodes have for their present run only stays, until "
        + "reset-config with transient=true"
}
