package import Cluster

extension ConfigRequest {
    /// Carries out a transient request at the node itself, without the log.
    ///
    /// - Returns: what it would do, when that was all that was asked for.
    package func applyTransient(to config: LiveConfig) throws(Failure) -> ConfigReport? {
        if isDryRun { return try preview(on: config.current) }
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings): try config.setTransient(settings)
            case .reset(let names): try config.resetTransient(names)
            }
        } catch {
            throw Failure(error)
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

    /// Says what is wrong with the names and values, whatever the configuration is now: no need to ask a primary.
    package func check(in scope: ConfigChange.Scope) throws(Failure) {
        do throws(ConfigMistake) {
            switch operation {
            case .set(let settings): _ = try ConfigPlan.resolve(settings, in: scope)
            case .reset(let names): _ = try ConfigPlan.named(names)
            }
        } catch {
            throw Failure(error)
        }
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
}
