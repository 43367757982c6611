import API
import Base
import Cluster
import HTTP

/// `/v1/daemon/mountpaths`: which mountpaths take part (contract §6.6). The action decides; POST, PUT and DELETE are the
/// same.
struct MountpathRoutes {
    let target: TargetContext
    let exchange: Exchange
    let query: Query

    func respond() async throws {
        let message = try ActionMessage(
            decoding: try await exchange.collect(upTo: Limits.actionBytesMax))
        let action = try Route.action(of: message, on: .mountpaths)
        guard let path = message.value?.string, !path.isEmpty else {
            throw Failure(
                .badValue, "'value' is not a mountpath's path",
                next: #"send {"action":"\#(action.rawValue)","value":"/PATH"}"#)
        }
        if try query.flag(QueryName.dryRun) {
            return exchange.respond(document: try forecast(action, path).encoded)
        }
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("scans") }
        let control = target.mountpaths
        let address = exchange.remoteAddress
        let watch = target.watch
        let result: MountpathControl.Result
        do throws(MountpathRefusal) {
            result = try await target.scanPool.run { () throws(MountpathRefusal) in
                switch action {
                case .rescanMountpath: return try control.rescan(path)
                case .checkMountpath: return try watch.check(path)
                case .addMountpath: try control.add(path)
                case .removeMountpath: try control.remove(path)
                case .enableMountpath: return try control.enable(path)
                default: return try control.disable(path, because: "asked by \(address)")
                }
                return .done
            }
        } catch {
            throw Failure(error, "\(action.rawValue) mountpath \(path)")
        }
        switch result {
        case .done: exchange.respond(.ok)
        case .alreadySo: exchange.respond(.noContent)
        case .found(let finding):
            exchange.respond(.ok) { $0.add(named: HeaderName.notice, finding) }
        }
    }

    // MARK: Dry runs

    private func forecast(_ action: Action, _ path: String) throws -> Forecast {
        let cleaned: String
        do throws(MountpathRefusal) {
            cleaned = try MountpathControl.checked(path)
        } catch {
            throw Failure(error, "\(action.rawValue) mountpath \(path)")
        }
        let set = target.store.mountpaths
        let takesPart = set.all.contains { $0.path == cleaned }
        let isKnown = takesPart || set.disabled.contains { $0.path == cleaned }
        var forecast = Forecast(action.rawValue)
        switch action {
        case .addMountpath where isKnown: forecast.warn(.blocked, "\(cleaned) is known already")
        case .addMountpath:
            forecast.changes.append("\(cleaned) takes part; objects that lie elsewhere stay there")
        case .enableMountpath where takesPart, .disableMountpath where isKnown && !takesPart:
            forecast.changes.append("nothing: it is so already")
        case _ where !isKnown: forecast.warn(.blocked, "there is no mountpath \(cleaned)")
        case .rescanMountpath where !takesPart, .checkMountpath where !takesPart:
            forecast.warn(.blocked, "\(cleaned) is disabled")
        case .rescanMountpath:
            forecast.changes.append(
                "what is known of \(cleaned) is read from its disk anew; if that is not there, or another "
                    + "one, \(cleaned) takes no part any more")
        case .checkMountpath:
            let values = target.config.values
            forecast.changes.append(
                "\(values["fshc.test_files"]) files are written to \(cleaned) and removed; if "
                    + "\(values["fshc.error_limit"]) fail, \(cleaned) takes no part any more")
        case .enableMountpath:
            forecast.changes.append("\(cleaned) takes part again; its objects are available")
        case .disableMountpath:
            forecast.changes.append("\(cleaned) takes no part")
            forecast.warn(.unsafe, "objects on \(cleaned) answer 503 until it is enabled")
            warnAboutLast(set, &forecast)
        default:
            forecast.changes.append("\(cleaned) is forgotten")
            forecast.warn(.unsafe, "objects on \(cleaned) answer 404; they stay on the disk")
            if takesPart { warnAboutLast(set, &forecast) }
        }
        return forecast
    }

    private func warnAboutLast(_ set: MountpathSet, _ forecast: inout Forecast) {
        guard set.all.count == 1 else { return }
        forecast.changes.append("\(target.node.id) leaves the map until a mountpath takes part")
        forecast.warn(.unsafe, "it is the last one: the target serves nothing without it")
    }
}
