import API
import Base
import Cluster
import HTTP
import Statistics

/// What all routes of one target share.
final class TargetContext: Sendable {
    let node: Node
    let publisher: StatePublisher
    let status: FollowStatus
    let cache: StateCache
    /// The cluster and the generation that were followed last.
    let record: Watched<ClusterRecord>
    /// A proxy that has said that it is to be followed.
    let hint: Watched<Endpoint?>
    let cacheReaders = Places(TargetLimits.cacheReadersMax)
    let store: ObjectStore
    let mountpaths: MountpathControl
    let watch: MountpathWatch
    /// For what waits for the disk to have written: commits of durable objects. Many threads, because fsyncs that
    /// overlap share journal commits.
    let pool: BlockingPool
    /// For what mostly works in the kernel's memory: opens, writes, renames. Few threads: more would only contend for
    /// the same directories and cores.
    let quickPool: BlockingPool
    /// For what reads many files: listings. Apart from the other, so that listings do not hold uploads up.
    let scanPool: BlockingPool
    let buffers = PieceBuffers()
    let register: RegisterRoute
    let config: LiveConfig
    /// What the configuration document tells of the start.
    let facts: ConfigDocument.Facts
    let statistics: NodeStatistics
    let longPoll = LongPoll()
    let documents = BucketDocuments()
    let proxies: ProxyCaller
    let removal: UserDataRemoval
    /// Opened when a request has asked this target to end.
    let ending: Latch
    let log: Logger

    init(
        node: Node, publisher: StatePublisher, status: FollowStatus, cache: StateCache,
        record: Watched<ClusterRecord>, hint: Watched<Endpoint?>,
        store: ObjectStore, mountpaths: MountpathControl, watch: MountpathWatch,
        pool: BlockingPool, quickPool: BlockingPool, scanPool: BlockingPool,
        register: RegisterRoute, proxies: ProxyCaller, removal: UserDataRemoval, ending: Latch,
        statistics: NodeStatistics, config: LiveConfig, facts: ConfigDocument.Facts, log: Logger
    ) {
        self.node = node
        self.publisher = publisher
        self.status = status
        self.cache = cache
        self.record = record
        self.hint = hint
        self.store = store
        self.mountpaths = mountpaths
        self.watch = watch
        self.pool = pool
        self.quickPool = quickPool
        self.scanPool = scanPool
        self.register = register
        self.config = config
        self.facts = facts
        self.statistics = statistics
        self.proxies = proxies
        self.removal = removal
        self.ending = ending
        self.log = log
    }

    /// What a request has met on a disk; the disk is looked at if that may be its fault.
    func suspect(_ error: StoreError) {
        if case .file(let error) = error { watch.suspect(error) }
    }
}
