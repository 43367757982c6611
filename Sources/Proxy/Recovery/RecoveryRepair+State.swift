import API
import Base
import Consensus
import MetaStore

// A stored state that is as it was written, and that this version cannot read (docs/decisions/0031): no start goes on with it, and
// there is nothing to cut. The state follows from the log, and the others have it as well. So it is worked out again, or this proxy begins
// with nothing but its promises. The database as it was is kept either way.
extension RecoveryRepair {
    func renew(_ renewal: StateRenewal, _ source: String) throws -> [UInt8] {
        guard consent == nil else {
            throw Refused(
                "nothing was changed: the stored state cannot be read (\(renewal.reason)), so what is behind it cannot be weighed; "
                    + next(renewal))
        }
        guard renewsState else { return report(renewal, kept: nil) }
        guard !renewal.isNewer || givesUpNewer else {
            throw Refused(
                "nothing was changed: \(renewal.reason). A later version has written it: upgrade this proxy and start it. Only where that version "
                    + "is not to be had any more: the same again with --give-up-newer")
        }
        switch renewal.source {
        case .log:
            _ = try SQLiteLog.renewState(copy, writes: true)
            try SQLiteLog.fold(copy)
            return report(renewal, kept: try replace(source))
        case .others:
            guard source == log else {
                throw Refused(
                    "nothing is to be done: it is set aside as \(source); start the proxy")
            }
            do throws(DatabaseError) {
                return report(renewal, kept: try MetadataDirectory.forgetDatabase(in: data))
            } catch {
                throw Refused("nothing was changed: \(error); \(Self.anew(data))")
            }
        case .nobody: throw Refused("nothing was changed: \(next(renewal))")
        }
    }

    private static func anew(_ data: String) -> String {
        "while a majority of the other proxies serves: mv \(data) \(data).unreadable, and start it with --join and one of their URLs, to join as a "
            + "new member"
    }

    private func next(_ renewal: StateRenewal) -> String {
        let upgrade = "upgrade this proxy, and start it"
        let command =
            "martlet recovery repair \(data) --renew-state"
            + (renewal.isNewer ? " --give-up-newer" : "")
        let way =
            switch renewal.source {
            case .log:
                "\(command): the state is worked out from the log, which goes back to its beginning; nothing is lost"
            case .others:
                "while a majority of the other proxies serves (200 from their /v1/health?readiness=true), and at no more than one proxy at a time: "
                    + "\(command). The proxy begins with what it has promised, and takes everything from them"
            case .nobody:
                "only a version that can read it helps: this proxy is the only one that votes, and the log does not lead to the state ("
                    + "\(renewal.obstacle ?? "")). When every proxy is lost, targets have a copy: martlet proxy --found-from"
            }
        return renewal.isNewer && renewal.source != .nobody
            ? "\(upgrade). Only where no such version is to be had: \(way)" : way
    }

    private func report(_ renewal: StateRenewal, kept: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("repaired", kept != nil)
            json.member("trouble", renewal.isNewer ? "newer_state" : "unreadable_state")
            json.member("reason", renewal.reason)
            json.member("applied", renewal.applied.index.rawValue)
            json.member("from", renewal.source.rawValue)
            json.member("not_from_log", renewal.obstacle)
            json.member(renewal.source == .log ? "branch" : "set_aside", kept)
            let isDone = kept != nil
            json.member(
                "next",
                !isDone
                    ? next(renewal)
                    : renewal.source == .log
                        ? "start the proxy"
                        : "start the proxy while a majority of the others serves: it is ready when it has taken everything from them"
            )
        }
        json.newline()
        return json.bytes
    }
}
