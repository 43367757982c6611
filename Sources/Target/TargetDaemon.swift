import API
import Base
import Cluster
import Glibc
import HTTP
import Statistics

/// One running target: the parts, in the order in which they need one another, and their end.
final class TargetDaemon: Sendable {
    let node: Node
    let context: TargetContext
    private let group: EventLoopGroup
    private let server: Server
    private let client: Client
    private let follow: FollowDriver
    private let joiner: Joiner
    private let reporter: MountpathReporter
    private let trash: Trash
    /// Holds the lock on the data directory.
    private let data: Directory
    private let log: Logger

    /// Claims the disks, binds the port and serves; nothing is answered but health until ``run(until:)`` has brought
    /// a state.
    init(_ settings: TargetSettings) throws {
        let log = Logger(
            node: settings.id.text, subject: "target", minimum: settings.node.logLevel)
        let config = LiveConfig(
            node: settings.id, logLevel: settings.node.logLevel, log: log.about("config"))
        let budget = DescriptorBudget(
            limit: DescriptorBudget.raisedLimit(), cached: settings.node.openObjects)
        data = try Self.claimData(settings.dataPath)
        let record = try Self.record(in: data)
        let mountpaths = MountpathTable(
            try MountpathStart(
                node: settings.id, given: settings.mountpaths.map { Mountpath.cleaned($0) },
                sharesFilesystem: settings.sharesFilesystem, log: log.about("mountpaths")
            ).set(in: data))
        let life = WorkName()
        let trash = Trash(life: life, log: log.about("trash"))
        let directories = BucketDirectories(mountpaths, trash: trash, log: log.about("buckets"))
        let floor = try directories.newestMark(clusterID: record.clusterID)
        let absences = AbsenceLog(
            data, disabled: mountpaths.current.disabled, log: log.about("mountpaths"))
        let store = ObjectStore(
            mountpaths, directories, absences, life: life, openObjects: budget.cached)
        let threads =
            settings.node.poolThreads ?? TargetLimits.commitThreads(on: mountpaths.current)
        let pool = BlockingPool(name: "io", threads: threads)
        let loops = settings.node.loops == 0 ? nil : settings.node.loops
        group = EventLoopGroup(loops: loops, pool: pool)
        client = Client(group)
        let publisher = StatePublisher()
        let status = FollowStatus()
        let cache = StateCache(
            settings.id, StateCacheFiles(in: data), log: log.about("cache"))
        cache.open(of: record.clusterID)
        let (known, hint) = (Watched(record), Watched<Endpoint?>(nil))
        let routes = LateRoutes()
        server = try Self.listen(settings, group, routes, connections: budget.connections)
        guard
            let port = UInt16(exactly: server.port),
            let address = NodeAddress(host: settings.host, port: port)
        else { throw Failure(.badValue, "\(settings.host) is not a host other nodes can be told") }
        node = Node(id: settings.id, role: .target, address: address)
        let proxies = ProxyCaller(
            choice: ProxyChoice(node: node.id, joins: settings.joins), client: client,
            publisher: publisher, log: log.about("proxies"))
        let scanPool = BlockingPool(name: "scan", threads: settings.node.scanThreads)
        let ending = Latch()
        let removal = UserDataRemoval(
            node: node.id, publisher: publisher, store: store, trash: trash, proxies: proxies,
            pool: scanPool, loop: group.loops[0], ending: ending, log: log.about("removal"))
        let reporter = MountpathReporter(
            node: node.id, proxies: proxies, loop: group.loops[0], log: log.about("mountpaths"))
        self.reporter = reporter
        let control = MountpathControl(
            node: node.id, store: store, trash: trash, data: data,
            sharesFilesystem: settings.sharesFilesystem, log: log.about("mountpaths"),
            report: { reporter.report($0) })
        for entry in mountpaths.current.disabled {
            reporter.report(
                MountpathNote(
                    path: entry.path, disk: entry.identity.description, isDisabled: true,
                    reason: entry.absence?.reason ?? ""))
        }
        context = TargetContext(
            node: node, publisher: publisher, status: status, cache: cache,
            record: known, hint: hint, store: store,
            mountpaths: control,
            watch: MountpathWatch(
                control: control, table: mountpaths, pool: scanPool, config: config,
                log: log.about("mountpaths")),
            pool: pool,
            quickPool: BlockingPool(name: "quick", threads: settings.node.quickThreads),
            scanPool: scanPool,
            register: RegisterRoute(proxies: proxies), proxies: proxies, removal: removal,
            ending: ending,
            statistics: NodeStatistics(node, loops: group.loops.count), config: config,
            facts: ConfigDocument.Facts(settings, port: server.port), log: log)
        follow = FollowDriver(
            LogFollower(record: record, floor: floor), node: node, joins: settings.joins,
            ports: FollowDriver.Ports(
                data: data, directories: directories, cache: cache, publisher: publisher,
                config: config,
                status: status, record: known, hint: hint, client: client, loop: group.loops[0],
                pool: context.scanPool),
            log: log.about("log"))
        joiner = Joiner(
            node, joins: settings.joins, publisher: publisher, proxies: proxies,
            isUsable: mountpaths.isUsable,
            isDismissed: {
                UserDataRemoval.isDismissed(settings.id, mountpaths.current, in: $0) != nil
            },
            isTold: { UserDataRemoval.isTold(settings.id, mountpaths.current, in: $0) },
            reporter: reporter, client: client, loop: group.loops[0], log: log.about("join"))
        self.trash = trash
        self.log = log
        for mountpath in mountpaths.current.all {
            trash.sweep(mountpath)
            trash.empty(mountpath)
        }
        routes.begin(TargetRoutes(target: context))
        log.info(
            "listens on \(node.address), mountpaths "
                + mountpaths.current.all.map(\.path).joined(separator: " "))
        for mountpath in mountpaths.current.all {
            log.info("mountpath \(mountpath.path): \(mountpath.traits)")
        }
    }

    /// Follows the log and serves until the signal or a request to end, then ends in order.
    ///
    /// - Parameter stopped: returns when the target is to end, and when its task is cancelled.
    func run(until stopped: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { tasks in
            let loop = group.loops[0]
            tasks.addTask { [follow] in await loop.run { await follow.run() } }
            tasks.addTask { [joiner] in await loop.run { await joiner.run() } }
            tasks.addTask { [reporter] in await loop.run { await reporter.run() } }
            tasks.addTask { [context] in await loop.run { await context.removal.run() } }
            tasks.addTask { [self] in await keepHouse() }
            tasks.addTask { [self] in await keepCache() }
            tasks.addTask { [self] in await keepStatistics() }
            await withTaskGroup(of: Void.self) { [context] reasons in
                reasons.addTask { await stopped() }
                reasons.addTask { await context.ending.wait() }
                await reasons.next()
                reasons.cancelAll()
            }
            log.info("stops: no new requests, those under way may end")
            await server.shutDown(within: TargetLimits.drainSeconds)
            tasks.cancelAll()
        }
        await end()
    }

    private func end() async {
        let context = context
        await context.pool.run {
            context.store.tidy(context.publisher.current.state, lag: 0)
            _ = context.cache.maintain(at: .now())
        }
        trash.stop()
        if let mountpaths = context.removal.dismissedMountpaths {
            let dismissal = Dismissal(data: data, log: log)
            await context.pool.run { dismissal.carryOut(on: mountpaths) }
        }
        await client.closeIdle()
        group.shutDown()
        for mountpath in context.store.mountpaths.all { mountpath.release() }
        flock(data.descriptor.number, LOCK_UN)
        log.info("stopped")
    }

    /// Once a minute: access times to disk, descriptors of what is gone let go.
    private func keepHouse() async {
        let context = context
        while await group.loops[0].sleep(nanoseconds: TargetLimits.accessTimeLagNanoseconds) {
            await context.scanPool.run {
                context.store.tidy(
                    context.publisher.current.state, lag: TargetLimits.accessTimeLagNanoseconds)
            }
        }
    }

    /// Flushes the cached state a moment after it has changed, and takes a new snapshot when that is due.
    private func keepCache() async {
        let (cache, pool, loop) = (context.cache, context.scanPool, group.loops[0])
        while await cache.isDue.first(where: { $0 }) != nil {
            guard await loop.sleep(nanoseconds: TargetLimits.cacheFlushNanoseconds) else { return }
            cache.isDue.set(false)
            if await pool.run({ cache.maintain(at: .now()) }) { cache.isDue.set(true) }
        }
    }

    /// Samples what is said per second, logs how far this target is unless nothing has happened, and asks the proxy that
    /// is followed how far away it is.
    private func keepStatistics() async {
        let (context, loop) = (context, group.loops[0])
        let (log, config) = (log.about("statistics"), context.config)
        var last = ""
        await loop.periodically(
            every: { config.values.nanoseconds("periodic.stats_time") }, changes: config.changes,
            do: {
                await context.statistics.sample()
                let text =
                    "at \(context.publisher.current.state.position.text), \(server.connections) "
                    + "connections"
                if text != last {
                    log.info("\(text); \(ProcessUsage.cpuNanoseconds / 1_000_000) ms of CPU")
                }
                last = text
                if let proxy = context.status.proxy {
                    await Keepalive.measure(
                        proxy, with: client, for: context.statistics,
                        seconds: config.values.seconds("timeout.max_keepalive"))
                }
            })
    }

    // MARK: Start

    private static func claimData(_ path: String) throws(FileError) -> Directory {
        let here = try Directory(opening: path.hasPrefix("/") ? "/" : ".")
        try here.makePath(Mountpath.cleaned(path))
        let directory = try Directory(opening: path)
        guard flock(directory.descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError("lock (another process uses it)", path, errno)
        }
        return directory
    }

    private static func record(in data: Directory) throws -> ClusterRecord {
        do {
            return try ClusterRecord(in: data)
        } catch let error as DecodingFailure {
            throw Failure(
                .inputOutput,
                "the file \(data.path)/cluster, which says what cluster this target belongs to, is"
                    + " damaged", cause: error.description)
        }
    }

    private static func listen(
        _ settings: TargetSettings, _ group: EventLoopGroup, _ routes: LateRoutes,
        connections: Int
    ) throws(ListenError) -> Server {
        var configuration = Server.Configuration(host: settings.host, port: settings.port)
        configuration.limits.connectionsMax = min(
            configuration.limits.connectionsMax, connections)
        configuration.renderError = { error, request in routes.answer(error, request) }
        do throws(ListenError) {
            return try Server(group, handler: routes, configuration: configuration)
        } catch {
            group.shutDown()
            throw error
        }
    }
}
