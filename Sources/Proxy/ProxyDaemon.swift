import API
import Base
import Cluster
import Consensus
import FoundationEssentials
import Glibc
import HTTP
import MetaStore
import Statistics
import Synchronization

/// A proxy: one member of the consensus group, and the HTTP server in front of it.
///
/// Everything is made here and handed to those who need it; nothing is global.
final class ProxyDaemon: Sendable {
    private let settings: ProxySettings
    /// Opened when this proxy is to end.
    private let stop: Latch
    private let ending: Ending
    /// Opened when this proxy takes nothing new, and when its member leaves the group's conversation.
    private let stopping = Latch()
    private let closing = Latch()
    private let log: Logger
    private let loops: EventLoopGroup
    private let client: Client
    private let node: Node
    private let published: PublishedState
    private let config: LiveConfig
    private let identity: ClusterIdentity
    let group: RaftGroup
    private let isStranded: Watched<Bool>
    private let transport: HTTPTransport
    private let followers: Followers
    private let announcer = CommitAnnouncer()
    let metadata: MetadataService
    private let statistics: NodeStatistics
    private let admission: Admission
    private let storageCheck: StorageCheck
    private let adoption: AdoptionService
    private let notices: FoundingNotices
    private let heirCheck: HeirCheck
    private let handler: ProxyHandler

    /// Opens the log, and founds the cluster in it if that was asked for.
    ///
    /// - Throws: when the log cannot be opened or trusted, when there is nothing to start from, or when there is a
    ///   cluster already where one was to be founded.
    init(_ settings: ProxySettings, stop: Latch) async throws {
        var settings = settings
        self.stop = stop
        ending = Ending(stop)
        log = Logger(node: settings.id.text, subject: "proxy", minimum: settings.config.logLevel)
        config = LiveConfig(
            node: settings.id, logLevel: settings.config.logLevel, log: log.about("config"))
        let opened = try await Self.openLog(&settings, log)
        let storage = opened.log
        storageCheck = StorageCheck(findings: opened.findings)
        self.settings = settings
        node = Node(
            id: settings.id, role: .proxy, address: settings.advertised,
            flags: settings.isElectable ? [] : [.nonElectable], member: storage.member.rawValue)

        // The log's thread and the pool want the other cores; and what is on one loop needs no waking of another.
        loops = EventLoopGroup(loops: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) / 2))
        client = Client(loops)
        published = PublishedState(ClusterState())
        identity = ClusterIdentity(published)
        let directory = MemberDirectory(published, seeds: settings.seeds)
        let contacts = PeerContacts()
        transport = HTTPTransport(
            HTTPTransport.Context(
                member: storage.member, url: settings.advertised.url, identity: identity,
                directory: directory, contacts: contacts, client: client, loop: loops.loops[0],
                log: log.about("raft")))
        let hashes = StateHashes()
        let fence = Fence(node)
        let pool = loops.pool
        let observer = RaftObserver(
            published: published, config: config, hashes: hashes, fence: fence,
            freshness: Freshness(contacts: contacts), stop: stop, dataPath: settings.dataPath,
            log: log)
        let storageThread = BlockingPool(name: "log", threads: 1)
        let raft = try RaftMember(
            id: storage.member, storage: storage, machine: Catalog(), wire: transport,
            // In place: whoever brings news runs the pipeline, and no message waits for a thread.
            // Snapshots are coded beside the log's thread, so that no change waits for one.
            executors: RaftMember.Executors(
                pipeline: { $0() }, storage: { storageThread.submit($0) },
                conversion: { pool.submit($0) },
                gathering: { [loops] in loops.atEndOfTurn($0) },
                planAnnouncement: { [announcer] in announcer.ask() }),
            limits: Self.raftLimits, driverLimits: Self.driverLimits, seed: SystemRandom.word(),
            clock: { Timestamp.now().nanoseconds }, observe: { observer.note($0) })
        contacts.onGone { [weak raft] in raft?.gone($0) }
        contacts.onDuplicate { [ending, log] reason in
            log.error("this proxy ends, another process is the same member: \(reason)")
            ending.fail()
        }
        observer.start(raft.status, raft.state)
        isStranded = observer.isStranded
        let group = RaftGroup(
            node: node, raft: raft, directory: directory, contacts: contacts,
            statusChanges: observer.statusChanges, counters: observer.counters,
            freshness: observer.freshness, dataPath: settings.dataPath)
        self.group = group
        let published = published
        followers = Followers { published.now.state.position }
        metadata = MetadataService(
            id: settings.id, group: group, published: published, followers: followers,
            fence: fence, loop: loops.loops[0])
        let hidesState: @Sendable () -> Bool = {
            observer.isQuarantined.load(ordering: .relaxed)
                || observer.isDoubted.load(ordering: .relaxed)
        }
        let history = HistoryRoute(group: group, published: published, loop: loops.loops[0])
        let lostRequests = LostRequests(
            published: published, history: history, loop: loops.loops[0], hidesState: hidesState)
        let forwarder = Forwarder(
            id: settings.id, group: group, published: published, givenUp: GivenUpRequests(),
            lostRequests: lostRequests,
            inquiry: PrimaryInquiry(
                id: settings.id, group: group, published: published, lostRequests: lostRequests,
                client: client, loop: loops.loops[0]),
            client: client, loop: loops.loops[0], config: config)
        let departure = Departure(
            group: group, metadata: metadata, published: published, loop: loops.loops[0])
        let configRoutes = ConfigRoutes(
            service: ConfigService(
                node: node, live: config, metadata: metadata, forwarder: forwarder,
                departure: departure, client: client),
            facts: ConfigDocument.Facts(settings))
        statistics = NodeStatistics(node, loops: loops.loops.count)
        let counted = StatisticsRoutes(
            node: node, statistics: statistics, published: published, group: group,
            followers: followers, pool: pool, logFiles: LogFiles(directory: settings.dataPath))
        admission = Admission(metadata: metadata, published: published, client: client)
        heirCheck = HeirCheck(client: client, loop: loops.loops[0])
        let transfer = PrimaryTransfer(
            group: group, metadata: metadata, published: published, loop: loops.loops[0],
            check: heirCheck)
        let survey = RecoverySurvey(
            node: node, group: group, published: published, client: client,
            branches: Branches(dataPath: settings.dataPath, pool: pool))
        adoption = AdoptionService(
            survey: survey, client: client, loop: loops.loops[0], log: log.about("recovery"))
        notices = FoundingNotices(
            survey: survey, followers: followers, client: client, loop: loops.loops[0],
            log: log.about("recovery"))
        let documents = BucketDocuments()
        let daemon = DaemonRoutes(
            node: node, metadata: metadata, raft: RaftDocument(group: group, storage: storageCheck),
            statistics: counted, log: log.tail, documents: documents, config: configRoutes,
            actions: DaemonActions(
                shutdown: NodeShutdown(
                    node: node, group: group, published: published, departure: departure,
                    transfer: transfer, forwarder: forwarder, ending: ending,
                    log: log.about("shutdown")),
                config: configRoutes,
                upkeep: NodeUpkeep(statistics, log: log.about("upkeep")) { departure.survival }),
            history: history,
            recovery: RecoveryRoutes(
                survey: survey, adoption: adoption,
                forced: ForcedPrimary(
                    survey: survey, adoption: adoption, departure: departure,
                    rejoin: Rejoin(
                        node: node, dataPath: settings.dataPath, group: group, pool: pool,
                        ending: ending),
                    verification: RecoveryVerification(
                        group: group, published: published, followers: followers),
                    client: client, log: log.about("recovery"))))
        let actions = ClusterActions(
            forwarder: forwarder,
            shutdown: ClusterShutdown(
                node: node, metadata: metadata, published: published, departure: departure,
                client: client, ending: ending, log: log.about("shutdown")),
            maintenance: Maintenance(
                group: group, metadata: metadata, departure: departure, transfer: transfer,
                departed: DepartedNodes(history: history), client: client, loop: loops.loops[0],
                log: log.about("maintenance")),
            rebalance: Rebalance(metadata: metadata, departure: departure, config: config),
            client: client,
            published: published,
            config: configRoutes,
            batch: BatchRoute(metadata: metadata, departure: departure, forwarder: forwarder),
            upkeep: ClusterUpkeep(published: published, departure: departure, client: client))
        handler = ProxyHandler(
            id: settings.id, published: published,
            redirector: Redirector(id: settings.id, published: published, metadata: metadata),
            buckets: BucketRoutes(
                metadata: metadata, forwarder: forwarder, departure: departure,
                lister: ObjectLister(id: settings.id, client: client, config: config),
                documents: documents),
            daemon: daemon,
            cluster: ClusterRoutes(
                daemon: daemon,
                admission: admission, departure: departure, actions: actions, transfer: transfer,
                queries: ClusterQueries(
                    node: node, statistics: counted, fanOut: FanOut(client: client)),
                forwarder: forwarder, followers: followers, config: configRoutes,
                sessions: SessionRoutes(
                    metadata: metadata, departure: departure, forwarder: forwarder)),
            relay: NodeRelay(published: published, client: client, config: config),
            health: HealthRoutes(
                node: node, published: published, group: group, stopping: stopping),
            follow: FollowServer(
                published: published, followers: followers, hashes: hashes,
                entries: { raft.committedEntries(from: $0, bytesMax: $1) }, pool: loops.pool,
                fence: fence, standsBack: observer.standsBack, stopping: stopping,
                log: log.about("followers")),
            receiver: StreamReceiver(
                member: storage.member, identity: identity, directory: directory,
                contacts: contacts,
                belongsSomewhere: opened.recovered.hardState.generation != .none,
                closing: closing, receive: { raft.receive($0) }),
            statistics: statistics,
            metrics: MetricsRoute(
                routes: counted, storage: storageCheck, longPoll: daemon.longPoll,
                watchers: daemon.history.watchers),
            hidesState: hidesState)
    }

    private static var raftLimits: Consensus.Limits {
        var limits = Consensus.Limits()
        // Most changes are followed by the next append, which tells the others as well.
        limits.defersCommit = true
        // 50 to 200 ms: time enough for processes started together to listen; who was not there yet is asked again.
        (limits.startTicksMin, limits.startTicksMax) = (2, 8)
        return limits
    }

    private static var driverLimits: DriverLimits {
        var limits = DriverLimits()
        // A client waits for these; the defaults are for groups without one.
        limits.proposalTicksMax = 200
        // A question that was lost on the way is asked again (MetadataService).
        limits.readTicksMax = 12
        // Each second; writes have it looked at besides.
        limits.spaceTicks = 40
        return limits
    }

    private static func openLog(
        _ settings: inout ProxySettings, _ log: Logger
    ) async throws -> MetadataDirectory.Opened {
        try FileManager.default.createDirectory(
            atPath: settings.dataPath, withIntermediateDirectories: true)
        if let seeds = try RejoinOrder.resume(in: settings.dataPath, log) {
            settings.founds = false
            settings.foundsFrom = nil
            settings.seeds = seeds
        }
        let founding = settings.foundsFrom.map {
            FoundingFromTargets(
                wish: $0,
                founder: Node(id: settings.id, role: .proxy, address: settings.advertised), log: log
            )
        }
        let path = "\(settings.dataPath)/\(SQLiteLog.fileName)"
        var plan: FoundingPlan?
        // What is refused leaves nothing behind.
        if !FileManager.default.fileExists(atPath: path) { plan = try await founding?.plan() }
        let opened = try MetadataDirectory.open(
            settings.dataPath, mayBeginAfresh: !settings.seeds.isEmpty
        ) { MemberID(SystemRandom.word() | 1) }
        let (storage, recovered) = (opened.log, opened.recovered)
        for finding in opened.findings { log.error(finding) }
        let isBlank = recovered.hardState == .initial && recovered.base == .empty
        if let founding { return try await founding.start(opened, plan) }
        if isBlank, settings.founds {
            try await FoundingCheck.run(settings.seeds)
            try storage.write(Founding.batch(by: storage.member, nonce: SystemRandom.word()))
            log.info("founding a cluster as member \(storage.member)")
        } else if isBlank, settings.seeds.isEmpty {
            throw NothingToStartFrom(path: settings.dataPath)
        } else if !isBlank {
            log.info("resuming as member \(storage.member) at entry \(recovered.lastIndex)")
        }
        return opened
    }

    // MARK: Running

    /// Whether the program is to begin again when ``run()`` has returned.
    var restarts: Bool { ending.restarts }

    /// Serves until told to stop, or until the log fails.
    ///
    /// - Returns: the process's exit status.
    func run() async -> Int32 {
        let server: Server
        do {
            server = try Server(loops, handler: handler, configuration: serverConfiguration)
        } catch {
            Console.error("martlet proxy: \(error)\n")
            return 1
        }
        log.info("serving at \(settings.advertised.url)")
        let services = Task(executorPreference: loops.loops[0]) { await self.runServices() }
        await stop.wait()
        let status: Int32 = group.status.stopped == nil && !ending.hasFailed ? 0 : 1
        log.info("stopping")
        stopping.open()
        if ending.handsOver, !ending.restarts, !ending.hasFailed {
            await handOver()
            // What was proposed here is committed by the next primary; only its messages tell what became of it.
            _ = await loops.loops[0].within(nanoseconds: UInt64(Limits.settleSeconds * 1e9)) {
                await self.metadata.underWay.first { $0 == 0 }
            }
        }
        closing.open()
        await server.shutDown(within: Limits.drainSeconds)
        services.cancel()
        await services.value
        await transport.stop()
        let reason = await group.raft.stop()
        loops.shutDown()
        log.info("stopped: \(reason)")
        return status
    }

    private func runServices() async {
        let loop = loops.loops[0]
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.tick(loop) }
            tasks.addTask { await self.keepStatistics(loop) }
            tasks.addTask { await self.storageCheck.run(self.group.raft, loop) }
            tasks.addTask {
                await Joiner(
                    node: self.node, seeds: self.settings.seeds, published: self.published,
                    identity: self.identity, group: self.group, isStranded: self.isStranded,
                    admission: self.admission, client: self.client, config: self.config,
                    loop: loop,
                    log: self.log.about("join")
                ).run()
            }
            tasks.addTask {
                await self.announcer.run(
                    loop, after: Self.driverLimits.announcementNanoseconds
                ) { self.group.raft.announcementDue() }
            }
            tasks.addTask {
                await GroupKeeper(
                    node: self.node, group: self.group, metadata: self.metadata,
                    published: self.published, transport: self.transport, loop: loop,
                    log: self.log.about("group")
                ).run()
            }
            tasks.addTask { await self.adoption.run() }
            tasks.addTask { await self.notices.run() }
            tasks.addTask {
                await FollowerReporter(
                    id: self.node.id, group: self.group, followers: self.followers,
                    client: self.client, loop: loop, log: self.log.about("followers")
                ).run()
            }
        }
    }

    /// The member's clock. It runs on a loop on purpose: when the loop stands still, messages are not read either,
    /// and an election timer that ran on alone would blame others for it.
    private func tick(_ loop: EventLoop) async {
        let interval = Self.driverLimits.tickNanoseconds
        var lastBeat = MonotonicTime.now()
        while await loop.sleep(nanoseconds: interval) {
            group.raft.tick()
            let now = MonotonicTime.now()
            if !group.isLeader { followers.endWaits() }
            let values = config.values
            let patience = values.seconds("timeout.cplane_operation")
            let slow = followers.leaveBehind(at: now, after: patience)
            if !slow.isEmpty {
                group.counters.leftBehind(slow.count)
                log.warning(
                    "left behind, not having applied a change in \(patience) s: "
                        + slow.map(\.text).joined(separator: ", "))
            }
            if now.since(lastBeat) >= values.nanoseconds("keepalivetracker.target.interval") {
                lastBeat = now
                published.beat()
            }
        }
    }

    /// Samples what is said per second, logs how far this proxy is unless nothing has happened, and asks the primary how
    /// far away it is.
    private func keepStatistics(_ loop: EventLoop) async {
        let (statistics, config) = (statistics, config)
        let log = log.about("statistics")
        var last = ""
        await loop.periodically(
            every: { config.values.nanoseconds("periodic.stats_time") }, changes: config.changes,
            do: {
                await statistics.sample()
                let text = "at \(published.now.position), \(followers.reports.count) followers here"
                if text != last {
                    log.info("\(text); \(ProcessUsage.cpuNanoseconds / 1_000_000) ms of CPU")
                }
                last = text
                if let primary = group.primary, primary.id != node.id {
                    await Keepalive.measure(
                        primary.endpoint, with: client, for: statistics,
                        seconds: config.values.seconds("timeout.max_keepalive"))
                }
            })
    }

    /// A primary that ends hands over first, so that nobody waits for an election.
    private func handOver() async {
        let status = group.status
        guard status.role == .leader, status.stopped == nil else { return }
        let heirs = status.matches
            .filter {
                status.configuration.isVoter($0.key) && !status.shortOfSpace.contains($0.key)
            }
            .sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map(\.key)
        for member in heirs {
            let heir = group.directory.node(of: member)
            if let heir, let obstacle = await heirCheck.obstacle(to: heir) {
                log.info("not handing over to \(heir.id): \(obstacle.message)")
                continue
            }
            let result = await group.raft.transferLeadership(to: member)
            log.info("handing over to \(heir?.id.text ?? "?"): \(result)")
            return
        }
    }

    private var serverConfiguration: Server.Configuration {
        var configuration = Server.Configuration(
            host: settings.listen.host, port: Int(settings.listen.port))
        let budget = DescriptorBudget(limit: DescriptorBudget.raisedLimit(), cached: 0)
        configuration.limits.connectionsMax = min(
            configuration.limits.connectionsMax, budget.connections)
        let (id, published, statistics) = (node.id.text, published, statistics)
        configuration.renderError = { error, request in
            if request == nil { statistics.count(.refused) }
            return Failure(any: error).at(
                method: request?.method.name ?? "", path: request?.rawPath ?? "",
                remoteAddress: "", node: id, mapVersion: published.now.state.map.version
            ).answer
        }
        return configuration
    }
}

/// A directory without a log, and no word of what to do about it.
struct NothingToStartFrom: Error, CustomStringConvertible {
    let path: String

    var description: String {
        "\(path) holds no log: give --found to found a new cluster, or --join URL to join one"
    }
}
