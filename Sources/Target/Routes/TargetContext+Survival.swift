import API
import Cluster

extension TargetContext {
    /// Whether the map counts on this target.
    var isActive: Bool { publisher.current.state.map[node.id]?.isActive ?? false }

    /// Which failures are survived, as far as a target knows: it does not hear the voting proxies, and changes nothing about
    /// them.
    var survival: Survival {
        Survival(
            activeTargets: .init(publisher.current.state.map.candidates.count),
            mountpaths: .init(store.mountpaths.all.count))
    }

    /// An answer of the primary, which knows the voting proxies; what this target does itself is added to a forecast.
    ///
    /// - Returns: `nil` for anything but a forecast.
    func forecast(in answer: [UInt8], as action: String) -> Forecast? {
        guard var forecast = try? Forecast(decoding: answer) else { return nil }
        forecast.action = action
        forecast.survival.mountpaths = survival.mountpaths
        return forecast
    }
}
