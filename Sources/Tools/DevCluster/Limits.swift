/// Bounds of the local cluster tool.
package enum Limits {
    /// Proxies or targets that one `start` or `add` may lead to: more than a laptop can usefully run.
    static let nodesPerRoleMax = 64
    /// Mountpaths per target.
    static let mountpathsMax = 64
    /// Body bytes the probe reads: a cluster map of 128 nodes is about 60 KB.
    static let probeBodyBytesMax = 4 << 20
    /// How long a probe waits for a node: long for a healthy one, short for a person.
    static let probeTimeout = Duration.milliseconds(1000)
    /// How often, a millisecond apart, a command line that is still empty is read: far longer than an exec takes.
    static let commandLineReadsMax = 100
    /// Pause between two rounds of readiness questions.
    static let probePause = Duration.milliseconds(20)
    /// How long a node may take to end after SIGTERM before it is killed.
    static let stopTimeout = Duration.seconds(10)
    /// How long a process may take to vanish after SIGKILL.
    static let killTimeout = Duration.seconds(10)
    /// How long a cluster may take to be ready, unless told otherwise.
    package static let readyTimeout = Duration.seconds(60)
    /// Lines of a node's log that are shown when it fails.
    static let logTailLines = 30
    /// Bytes of a log that are read for its tail.
    static let logTailBytes = 64 << 10
    /// Blocks of ports that are tried for `--base-port 0`.
    static let portBlocksTried = 200
}
