import API

/// Every bound of a proxy, with the reason for each number. Seconds unless the name says otherwise.
enum Limits {
    // How long the primary waits for targets, how long a change may take there, and how long a target may take for a page
    // or a sign of life, are options of the configuration (docs/operations.md).

    /// How long a change waits for a primary while an election is under way: two elections in a row.
    static let primarySeconds = 1.5
    /// How long after it came a request that was lost with a primary, and not made, may be sent to the next one.
    static let resendSeconds = 5.0
    /// Between two looks while no primary is known; a new one is noticed at once.
    static let electionSeconds = 0.1
    /// When no primary was reached for so long, the way through other proxies is tried: the longest election timeout.
    static let detourSeconds = 0.5
    /// Pause before a request that met no primary is tried again there.
    static let primaryRetrySeconds = 0.02
    /// The longest pause before nodes are told settings for this run anew, because others were at it as well: a few round trips.
    static let disturbedSeconds = 0.05
    /// How long an answer of a proxy that leads no more is waited for: on its way, or never.
    static let replacedSeconds = 0.5
    /// Members that were not heard for so long count as missing: several election timeouts.
    static let missingSeconds = 1.0
    /// Nodes that are asked the same question at once: all of a usual cluster, and not every connection of a large one.
    static let fanOutMax = 32
    /// How long one of them may take: they answer from memory and `/proc`, so one that takes longer is not well.
    static let fanOutSeconds = 3.0
    /// What one of them may answer: a kilobyte for each of a thousand mountpaths.
    static let fanOutBytes = 1 << 20
    /// When no further node is asked: a few dozen that hang make the answer late, not endless.
    static let fanOutWholeSeconds = 10.0
    /// An address must answer within this to be put on the map.
    static let reachableSeconds = 1.0
    /// The answer of a node to the question who it is.
    static let nodeDocumentBytes = 64 << 10
    /// Replies to control requests that are relayed.
    static let relayedBytes = 8 << 20
    /// Readers of the history at once; each holds the log's thread for a few milliseconds.
    static let historyReadersMax = 4
    /// Those who watch the history at once: each is woken by every change, and reads what it was.
    static let watchersMax = 256
    /// How long a watcher waits when it does not say: proxies of others in between give up after a minute.
    static let watchSeconds = 30.0
    /// How soon a watcher notices that its proxy is stopping.
    static let watchSliceSeconds = 0.5
    /// Between two tries of a watcher who finds too many reading.
    static let watchRetrySeconds = 0.01
    /// How long the history waits for what was applied to be stored.
    static let historyWaitSeconds = 2.0
    /// A change of the configuration that meets others is worked out anew so often.
    static let configAttemptsMax = 8

    /// Between two attempts to join: quick at first, because a cluster starts all at once.
    static let joinSecondsMin = 0.02
    static let joinSecondsMax = 1.0
    /// Between two looks at the membership when nothing has changed.
    static let keeperSeconds = 0.5
    /// After a step of membership that was refused.
    static let keeperRetrySeconds = 0.1

    /// A stream to another member that has not answered anything for so long is opened anew: TCP itself
    /// would find out minutes later.
    static let streamSilenceSeconds = 1.0
    static let streamConnectSeconds = 0.5
    /// Who has been silent for so long may have moved; until then another process of the same member is a copy of it. An idle follower
    /// speaks with each heartbeat that it answers.
    static let duplicateSilenceSeconds = 2.0
    /// A stream that has lasted for so long is opened again without a pause.
    static let streamLastingSeconds = 0.1
    /// How often the place of a member that was heard is asked again when the stream has broken, until it refuses.
    static let streamQuestionsMax = 4
    /// A member that is told for so long that it speaks from another place as well is a copy, and ends: well above
    /// ``duplicateSilenceSeconds``, after which one that has moved is heard.
    static let duplicateNanoseconds: UInt64 = 5_000_000_000
    static let streamRetrySecondsMin = 0.02
    static let streamRetrySecondsMax = 0.25
    /// An idle stream between two followers is closed, and opened again when there is something to say.
    static let streamIdleSeconds = 120.0
    /// Bytes that wait for one member whose connection takes no more; beyond it messages are dropped, as a network
    /// would. Entries and snapshots give up earlier, so that a heartbeat is never far behind them.
    static let streamPendingBytes = 2 << 20
    static let streamBulkBytes = 1 << 20
    /// Different complaints about one peer that are remembered, so that each is logged once.
    static let complaintsMax = 16
    /// Control messages kept while a stream is being opened.
    static let streamEarlyMax = 16

    /// How long a follower may take nothing or say nothing.
    static let followSilenceSeconds = 30.0
    /// Entries sent to a follower in one write.
    static let followBytes = 256 << 10
    /// Follow streams of one proxy: far more than targets it is likely to have.
    static let followersMax = 4_096
    /// Members of whom it is remembered when they were heard; a group has 510 at most.
    static let contactsMax = 1_024
    /// A proxy's report of its followers counts for so long.
    static let reportSeconds = 5.0
    static let reportIntervalSeconds = 1.0
    /// Proxies whose last report is remembered.
    static let reportersMax = 1_024
    /// Rows that one step of the walk over the log's file looks at: under a millisecond of the log's thread; with the pause after
    /// it, a hundred thousand rows take two minutes. A small file is walked over every half minute.
    static let scanRows = 200
    static let scanStepSeconds = 0.25
    static let scanRestSeconds = 30.0
    /// States whose hash is remembered, to compare followers with.
    static let hashesKept = 1_024

    /// How long the group may take to let go of a proxy that was taken off the map: a demotion and a removal.
    static let releaseSeconds = 3.0
    /// How long a voter that lives may take to be heard again: several heartbeats.
    static let heardAnewSeconds = 0.5
    /// How long a node may take to say that it ends.
    static let endingSeconds = 2.0
    /// How long a primary that has handed over waits to hear what became of its last changes.
    static let settleSeconds = 1.0
    /// How long requests under way may take when the proxy ends.
    static let drainSeconds = 3.0
    /// How long a session may be idle when its client does not say: a few retries across an election and a restart.
    static let sessionNanoseconds: UInt64 = 60_000_000_000
    /// Requests whose fate was asked for in one term, and settled by taking them no more: some hundred bytes each. A term may last for
    /// months, and proxies ask as well, once for each connection that was lost with a change on it.
    static let givenUpMax = 16_384
    /// How long such a question waits for what is under way: a change that waits for its followers, and is soon made.
    static let inquirySeconds = 5.0
    /// How many such questions a proxy asks at once of its own accord, and the pause before the next attempt at one.
    static let inquiriesMax = 16
    static let inquiryRetrySeconds = 0.05
    static let configBytesMax = 64 << 10

    /// Entries not known to be committed that are read to see what they would do; a leader leaves far fewer.
    static let recoveryTailBytes = 8 << 20
    /// Logs that nobody runs, told with a plan: each some hundred bytes a bucket, at most ``Holdings/namesMax`` of them.
    static let recoveryBodyBytes = 8 << 20
    static let recoveryFilesMax = 16
    /// A cached state as a target gives it: a snapshot and entries of its size.
    static let cachedStateBytes = 2 * API.Limits.snapshotBytesMax
    /// How long a target may take to bring it back from its disk.
    static let cachedStateSeconds = 30.0
    /// Between two words to targets and old proxies after a founding from cached states: one connection attempt each.
    static let foundingNoticeSeconds = 2.0
    /// Between two words to survivors that have not taken part yet.
    static let adoptionSecondsMin = 0.1
    static let adoptionSecondsMax = 2.0
    /// How long a forced recovery waits until proxies and targets have gone over, and how often it looks.
    static let recoveryVerifySeconds = 8.0
    static let recoveryTargetSeconds = 3.0
    static let recoveryLookSeconds = 0.05
}
