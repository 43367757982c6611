/// The names of query parameters (contract §3.4).
package enum QueryName {
    package static let what = "what"
    package static let provider = "provider"
    package static let namespace = "namespace"
    package static let checkCached = "check_cached"
    /// Of later clients (``Presence``).
    package static let presence = "presence"
    package static let silent = "sln"
    package static let appendType = "appendty"
    package static let proxyID = "pid"
    package static let unixTime = "utm"
    /// The position of the state a redirect was computed from.
    package static let position = "at"
    package static let node = "node"
    package static let after = "after"
    /// Where a follower can be reached, to tell it from another of the same name.
    package static let address = "address"
    package static let readiness = "readiness"
    package static let clusterInfo = "cii"
    package static let nonElectable = "nel"
    /// The version that a document must have before it is answered, and how long that may take.
    package static let waitVersion = "wait_version"
    /// An earlier version of a document; what differs since a version.
    package static let version = "version"
    package static let difference = "diff"
    package static let timeout = "timeout"
    /// `stale` or `linearizable`, of reads of metadata.
    package static let consistency = "consistency"
    /// Settings for this run of the node only.
    package static let transient = "transient"
    /// Of the history: which map, entries before an index, how many.
    package static let of = "of"
    package static let before = "before"
    package static let limit = "limit"
    /// Of a forced recovery: the proxy that is to go on, by URL or by id; the plan that is carried out; and what is passed
    /// over.
    package static let can = "can"
    package static let candidate = "candidate"
    package static let token = "token"
    package static let override = "override"
    package static let name = "name"
    /// Of a node's log.
    package static let severity = "severity"
    package static let offset = "offset"
    /// Of mountpaths, of later clients: they are not to be resilvered.
    package static let noResilver = "dntres"
    /// Of the history: what one request came to, looked at from where its answer was lost.
    package static let requestID = "request_id"
    package static let since = "since"
    /// How long a session may be idle.
    package static let lifetime = "lifetime"
    /// Do it although something would be lost.
    package static let force = "frc"
    /// Say what would change, and change nothing.
    package static let dryRun = "dry_run"
}
