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
        let action = try Route.action(of: message, on: .mountpaths, query)
        guard let path = message.value?.string, !path.isEmpty else {
            throw Failure(
                .badValue, "'value' is not a mountpath's path",
                next: #"send {"action":"\#(action.rawValue)","value":"/PATH"}"#)
        }
        guard !target.scanPool.isSaturated else { throw Failure.overloaded("scans") }
        if try query.flag(QueryName.dryRun) {
            return exchange.respond(document: try await forecast(action, path).encoded)
        }
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
            throw Failure(error, "\(action.rawValue) mountpath \(path.excerpt)")
        }
        switch result {
        case .done: exchange.respond(.ok)
        case .alreadySo: exchange.respond(.noContent)
        case .found(let finding):
            exchange.respond(.ok) { $0.add(named: HeaderName.notice, finding) }
        }
    }

    // MARK: Dry runs

    private func forecast(_ action: Action, _ path: String) async throws -> Forecast {
        var forecast = Forecast(action.rawValue, target.survival)
        let control = target.mountpaths
        let change: MountpathControl.Change
        switch action {
        case .addMountpath: change = .add
        case .removeMountpath: change = .remove
        case .enableMountpath: change = .enable
        case .disableMountpath: change = .disable
        default:
            try look(action, path, &forecast)
            return forecast
        }
        do throws(MountpathRefusal) {
            let rehearsal = try await target.scanPool.run { () throws(MountpathRefusal) in
                try control.rehearse(change, path)
            }
            describe(change, rehearsal, &forecast)
        } catch {
            try forecast.take(Failure(error, "\(action.rawValue) mountpath \(path.excerpt)"))
        }
        return forecast
    }

    /// What looks at a mountpath changes nothing, unless the disk is found to have failed.
    private func look(
        _ action: Action, _ path: String, _ forecast: inout Forecast
    ) throws(Failure) {
        do throws(MountpathRefusal) {
            let path = try target.mountpaths.present(path).path
            let values = target.config.values
            forecast.changes.append(
                action == .rescanMountpath
                    ? "what is known of \(path) is read from its disk anew; if that is not there, or another "
                        + "one, \(path) takes no part any more"
                    : "\(values["fshc.test_files"]) files are written to \(path) and removed; if "
                        + "\(values["fshc.error_limit"]) fail, \(path) takes no part any more")
        } catch {
            try forecast.take(Failure(error, "\(action.rawValue) mountpath \(path)"))
        }
    }

    private func describe(
        _ change: MountpathControl.Change, _ rehearsal: MountpathControl.Rehearsal,
        _ forecast: inout Forecast
    ) {
        let (path, id) = (rehearsal.path, target.node.id)
        let (now, then) = (rehearsal.takingPart, rehearsal.takingPartThen)
        forecast.survival.mountpaths = Survival.Count(now: now, then: then)
        guard rehearsal.result == .done else {
            forecast.changes.append("nothing: it is so already")
            return
        }
        switch change {
        case .add:
            forecast.changes.append("\(path) takes part; objects that lie elsewhere stay there")
        case .enable:
            forecast.changes.append("\(path) takes part again; its objects are available")
        case .disable:
            forecast.changes.append("\(path) takes no part")
            forecast.warn(
                "objects on \(path) answer 503 until it is enabled",
                next: "copy what is needed first")
        case .remove:
            forecast.changes.append("\(path) is forgotten")
            forecast.warn(
                "objects on \(path) answer 404; they stay on the disk",
                next: "disable it instead, if it is to come back")
        }
        let targets = forecast.survival.activeTargets.now
        if now > 0, then == 0 {
            forecast.changes.append("\(id) leaves the map until a mountpath takes part")
            forecast.warn("it is the last one: the target serves nothing without it")
            forecast.survival.activeTargets.then = max(0, targets - (target.isActive ? 1 : 0))
        } else if now == 0, then > 0 {
            forecast.changes.append("\(id) joins the map")
            forecast.survival.activeTargets.then = targets + (target.isActive ? 0 : 1)
        }
    }
}
