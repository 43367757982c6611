package import Base
import Synchronization

/// The settings a node acts on now. Everybody who needs one asks when it needs it; so a change takes effect at once.
package final class LiveConfig: Sendable {
    private let layers: Mutex<LayeredConfig>
    private let threshold: Logger.Threshold
    /// Counts the changes, for whoever waits by a setting.
    package let changes = Watched<UInt64>(0)

    /// - Parameters:
    ///   - node: whose own settings count.
    ///   - logLevel: what the node was started with; anything that is set counts more.
    ///   - threshold: what the log level is set on.
    package init(
        node: NodeID, logLevel: Logger.Level = .info, threshold: Logger.Threshold
    ) {
        let file = logLevel == .info ? [:] : ["log.level": Self.text(of: logLevel)]
        layers = Mutex(LayeredConfig(node: node, file: file))
        self.threshold = threshold
        carryOut()
    }

    package var current: LayeredConfig { layers.withLock { $0 } }
    package var values: ConfigValues { layers.withLock { $0.values } }

    /// Takes the committed configuration over. Cheap when it has not changed.
    package func follow(_ config: ClusterConfig) {
        let isNew = layers.withLock { layers in
            let before = layers.version
            layers.follow(config)
            return before != layers.version
        }
        if isNew { carryOut() }
    }

    /// Sets values for this run, all or none of them.
    package func setTransient(
        _ settings: [(name: String, value: String)]
    ) throws(ConfigMistake) {
        try change { (layers) throws(ConfigMistake) in try layers.setTransient(settings) }
    }

    /// Takes values back that were set for this run; all when no name is given.
    package func resetTransient(_ names: [String]) throws(ConfigMistake) {
        try change { (layers) throws(ConfigMistake) in try layers.resetTransient(names) }
    }

    private func change(
        _ body: (inout LayeredConfig) throws(ConfigMistake) -> Void
    ) throws(ConfigMistake) {
        let mistake = layers.withLock { layers -> ConfigMistake? in
            do throws(ConfigMistake) {
                try body(&layers)
                return nil
            } catch {
                return error
            }
        }
        if let mistake { throw mistake }
        carryOut()
    }

    private static func text(of level: Logger.Level) -> String {
        switch level {
        case .error: "0"
        case .warning: "1"
        case .info: "3"
        case .debug: "4"
        }
    }

    private func carryOut() {
        threshold.minimum =
            switch values.number("log.level", as: Int.self) {
            case 0: .error
            case 1: .warning
            case 2, 3: .info
            default: .debug
            }
        changes.update { $0 += 1 }
    }
}
