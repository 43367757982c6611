public import Base
import Synchronization

/// The settings a node acts on now. Everybody who needs one asks when it needs it; so a change takes effect at once.
public final class LiveConfig: Sendable {
    private let layers: Mutex<LayeredConfig>
    /// Tells of changes, and has its level set by them.
    private let log: Logger
    /// Counts the changes, for whoever waits by a setting.
    public let changes = Watched<UInt64>(0)

    /// - Parameters:
    ///   - node: whose own settings count.
    ///   - logLevel: what the node was started with; anything that is set counts more.
    ///   - log: the node's; its level is set.
    public init(
        node: NodeID, logLevel: Logger.Level = .info, log: Logger
    ) {
        let file = logLevel == .info ? [:] : ["log.level": Self.text(of: logLevel)]
        layers = Mutex(LayeredConfig(node: node, file: file))
        self.log = log
        carryOut()
    }

    public var current: LayeredConfig { layers.withLock { $0 } }
    public var values: ConfigValues { layers.withLock { $0.values } }

    /// Takes the committed configuration over. Cheap when it has not changed.
    public func follow(_ config: ClusterConfig) {
        guard layers.withLock({ $0.follow(config) }) else { return }
        carryOut()
        log.info("version \(config.version) of the configuration is in effect")
    }

    /// Sets values for this run, all or none of them.
    public func setTransient(
        _ settings: [(name: String, value: String)]
    ) throws(ConfigMistake) {
        try change { (layers) throws(ConfigMistake) in try layers.setTransient(settings) }
    }

    /// Takes values back that were set for this run; all when no name is given.
    public func resetTransient(_ names: [String]) throws(ConfigMistake) {
        try change { (layers) throws(ConfigMistake) in try layers.resetTransient(names) }
    }

    /// Has values that were set for this run give way to a later word about these options; all of them when none is named.
    public func giveWay(_ names: [String]) {
        layers.withLock { $0.giveWay(names) }
        carryOut()
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
        log.threshold.minimum =
            switch values.number("log.level", as: Int.self) {
            case 0: .error
            case 1: .warning
            case 2, 3: .info
            default: .debug
            }
        changes.update { $0 += 1 }
    }
}
