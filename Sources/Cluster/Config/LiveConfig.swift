public import Base
import Synchronization

/// The settings a node acts on now. Everybody who needs one asks when it needs it; so a change takes effect at once.
public final class LiveConfig: Sendable {
    private struct State {
        var layers: LayeredConfig
        var edition: UInt64 = 0
    }

    private let state: Mutex<State>
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
        state = Mutex(State(layers: LayeredConfig(node: node, file: file)))
        self.log = log
        carryOut()
    }

    public var current: LayeredConfig { state.withLock { $0.layers } }
    public var values: ConfigValues { state.withLock { $0.layers.values } }
    /// How often the settings were changed in this run: what is set because of an earlier answer can be bound to it.
    public var edition: UInt64 { state.withLock { $0.edition } }

    /// Takes the committed configuration over. Cheap when it has not changed.
    public func follow(_ config: ClusterConfig) {
        let isNew = state.withLock { state in
            guard state.layers.follow(config) else { return false }
            state.edition += 1
            return true
        }
        guard isNew else { return }
        carryOut()
        log.info("version \(config.version) of the configuration is in effect")
    }

    /// Sets values for this run, all or none of them.
    ///
    /// - Parameters:
    ///   - settings: options and their values.
    ///   - edition: the only ``edition`` of the settings in which it is done; `nil`: in any.
    /// - Returns: whether it is done.
    /// - Throws: what is wrong with the values; nothing is done then.
    @discardableResult
    public func setTransient(
        _ settings: [(name: String, value: String)], in edition: UInt64? = nil
    ) throws(ConfigMistake) -> Bool {
        try change(in: edition) { (layers) throws(ConfigMistake) in
            try layers.setTransient(settings)
        }
    }

    /// Takes values back that were set for this run; all when no name is given. As above.
    @discardableResult
    public func resetTransient(
        _ names: [String], in edition: UInt64? = nil
    ) throws(ConfigMistake) -> Bool {
        try change(in: edition) { (layers) throws(ConfigMistake) in
            try layers.resetTransient(names)
        }
    }

    /// Has values that were set for this run give way to a later word about these options; all of them when none is named.
    public func giveWay(_ names: [String]) {
        state.withLock { state in
            state.layers.giveWay(names)
            state.edition += 1
        }
        carryOut()
    }

    private func change(
        in edition: UInt64?, _ body: (inout LayeredConfig) throws(ConfigMistake) -> Void
    ) throws(ConfigMistake) -> Bool {
        let result = state.withLock { state -> Result<Bool, ConfigMistake> in
            guard edition == nil || edition == state.edition else { return .success(false) }
            do throws(ConfigMistake) {
                try body(&state.layers)
                state.edition += 1
                return .success(true)
            } catch {
                return .failure(error)
            }
        }
        let isDone = try result.get()
        if isDone { carryOut() }
        return isDone
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
