import Cluster

/// Parameters of single documents of `what=`.
extension Parameter {
    static let severity = query(
        QueryName.severity, .words(["info", "warning", "error"]), "log: the least")
    static let offset = query(
        QueryName.offset, .pattern("[0-9]{1,9}"), "log: what has been read already")
    static let branch = query(QueryName.name, .texts(length: 1...128), "branches: which one")
    static let branchPlace = query(
        QueryName.after, .pattern("[0-9]{1,19}"), "branches: entries behind it")
    static let subject = query(
        QueryName.of, .words(["all", "smap", "bmd", "config"]), "history, watch: of which map")
    static let before = query(
        QueryName.before, .pattern("[1-9][0-9]{0,18}"), "history: before an entry")
    static let limit = query(
        QueryName.limit, .numbers(1...Limits.historyEntriesMax),
        "history, watch: so many entries")
    static let inquiry = query(QueryName.requestID, requestID, "history: of one request")
    static let since = query(
        QueryName.since, .text, "history, with request_id: from where its answer was lost")
    static let decommissioned = query(
        QueryName.node, nodeID, "decommission: of one target; of all when missing")
    static let watchPlace = query(QueryName.after, .text, "watch: changes behind this place")
}
