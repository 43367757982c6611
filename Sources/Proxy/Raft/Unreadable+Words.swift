import API
import Base
import Cluster
import Consensus

// What a proxy says of a part of the log that it cannot read (docs/decisions/0031).

extension Unreadable {
    /// What it is, and why it cannot be read.
    var what: String {
        let name =
            switch part {
            case .entry: "log entry \(mark.index) of term \(mark.term)"
            case .state:
                "the state after log entry \(mark.index) of term \(mark.term), which the primary has sent,"
            case .voters:
                "log entry \(mark.index) of term \(mark.term), which says who votes,"
            }
        return isNewer
            ? "\(name) was written by a later version than this proxy's: \(reason)"
            : "\(name) is not damaged, and this proxy cannot read it: \(reason)"
    }

    /// What an operator does about it.
    ///
    /// - Parameter dataPath: the proxy's data directory.
    /// - Returns: half a sentence, with the commands.
    func remedy(dataPath: String) -> String {
        let elsewhere =
            "proxies that answer 200 to /v1/health?readiness=true can read it, and go on meanwhile"
        guard !isNewer else { return "upgrade this proxy; \(elsewhere)" }
        switch part {
        case .entry:
            return
                "\(elsewhere): bring this one to their version; when none can, stop this one and look at what is given up with 'martlet "
                + "recovery repair \(dataPath)', then 'martlet recovery repair \(dataPath) --truncate-at \(mark.index)'"
        case .state, .voters:
            return "\(elsewhere): bring this one to their version"
        }
    }
}

extension Failure {
    static func unreadable(_ found: Unreadable, dataPath: String) -> Failure {
        Failure(
            .logUnreadable,
            "\(found.what); it stands still there, and neither changes metadata nor says what is newest",
            next: found.remedy(dataPath: dataPath))
    }
}

extension JSONWriter {
    mutating func value(_ found: Unreadable) {
        object { json in
            json.member("part", found.part.rawValue)
            json.member("index", found.mark.index.rawValue)
            json.member("term", found.mark.term.rawValue)
            json.member("reason", found.reason)
            json.member("newer", found.isNewer)
        }
    }
}
