import FoundationEssentials
import Glibc

/// A cluster of processes on this machine: what the commands, the tests and the benchmark drive.
package struct LocalCluster: Sendable {
    package let directory: ClusterDirectory
    /// The `martlet` executable the nodes run.
    package let executable: String

    package init(directory: ClusterDirectory, executable: String? = nil) throws(ClusterError) {
        self.directory = directory
        if let executable {
            self.executable = executable
            return
        }
        guard let path = realpath("/proc/self/exe", nil) else {
            throw .directory(path: "/proc/self/exe", reason: String(cString: strerror(errno)))
        }
        defer { free(path) }
        self.executable = String(cString: path)
    }

    package func nodes() throws(ClusterError) -> [NodeRecord] { try directory.nodes() }

    package func node(_ id: String) throws(ClusterError) -> NodeRecord {
        try directory.load().node(id)
    }

    /// Records a fresh cluster, or finds the one that is there; starts every node that is not alive.
    ///
    /// - Returns: the ids of the nodes that were started.
    package func launch(_ plan: ClusterPlan) throws(ClusterError) -> [String] {
        try directory.locked { () throws(ClusterError) in
            if !directory.hasCluster {
                try directory.save(ClusterNotes(founded: false, config: plan.config))
                let nodes = try plan.nodes(in: directory)
                for node in nodes { try checkPort(of: node) }
                try directory.save(ClusterFile(nodes: nodes))
            }
            var file = try directory.load()
            var started: [String] = []
            for node in file.nodes where NodeProcess.state(of: node) == .gone {
                try run(node.id, in: &file)
                started.append(node.id)
            }
            return started
        }
    }

    /// Asks every node until the cluster is ready.
    ///
    /// - Returns: the primary's id.
    package func waitUntilReady(
        timeout: Duration = Limits.readyTimeout
    ) throws(ClusterError) -> String {
        let clock = ContinuousClock()
        let end = clock.now + timeout
        while true {
            let readiness = Readiness(reports: try nodes().map { NodeReport.of($0) })
            let missing = readiness.missing
            if missing.isEmpty, let primary = readiness.primary {
                try directory.save(
                    ClusterNotes(founded: true, config: try directory.notes().config))
                return primary
            }
            let failing = readiness.reports.first { !$0.isReady }?.node
            if let dead = readiness.reports.first(where: { !$0.isAlive })?.node {
                throw .ended(node: dead.id, log: dead.log, tail: LogTail.read(dead.log))
            }
            guard clock.now < end else {
                throw .notReady(
                    seconds: Int(timeout.components.seconds), waitingFor: missing,
                    log: failing?.log, tail: failing.map { LogTail.read($0.log) } ?? "")
            }
            Self.waitForNextProbe()
        }
    }

    /// Waits until one node is ready and in its own map, whatever the others are doing.
    package func waitUntilJoined(
        _ id: String, timeout: Duration = Limits.readyTimeout
    ) throws(ClusterError) {
        let end = ContinuousClock.now + timeout
        while true {
            let report = NodeReport.of(try node(id))
            if report.isReady, report.members.contains(id) { return }
            let node = report.node
            guard report.isAlive else {
                throw .ended(node: id, log: node.log, tail: LogTail.read(node.log))
            }
            guard ContinuousClock.now < end else {
                throw .notReady(
                    seconds: Int(timeout.components.seconds),
                    waitingFor: ["\(id): \(report.reason ?? "not in its own map")"],
                    log: node.log, tail: LogTail.read(node.log))
            }
            Self.waitForNextProbe()
        }
    }

    /// Starts a node that is not running, with the arguments it had.
    package func restart(_ id: String) throws(ClusterError) {
        try directory.locked { () throws(ClusterError) in
            var file = try directory.load()
            let node = try file.node(id)
            guard NodeProcess.state(of: node) == .gone else {
                throw .alreadyRunning(id, pid: node.pid)
            }
            try run(id, in: &file)
        }
    }

    /// Ends a node without warning and waits until it is gone.
    package func kill(_ id: String) throws(ClusterError) {
        let node = try node(id)
        try NodeProcess.signal(node, SIGKILL)
        guard NodeProcess.waitUntilGone(node, limit: Limits.killTimeout) else {
            throw .stillRunning(node: id, pid: node.pid)
        }
        try forget(node)
    }

    /// Stops a node's process where it is; its connections stay open and silent.
    package func pause(_ id: String) throws(ClusterError) {
        let node = try node(id)
        try NodeProcess.signal(node, SIGSTOP)
        // The kernel stops the threads one by one; a moment later the whole process stands still.
        let end = ContinuousClock.now + Limits.killTimeout
        while NodeProcess.state(of: node) == .running, ContinuousClock.now < end { usleep(500) }
    }

    /// Lets a paused node go on.
    package func resume(_ id: String) throws(ClusterError) {
        try NodeProcess.signal(try node(id), SIGCONT)
    }

    /// Adds a node with the next free id and port, and starts it.
    package func add(_ role: NodeRecord.Role) throws(ClusterError) -> NodeRecord {
        try directory.locked { () throws(ClusterError) in
            var file = try directory.load()
            let peers = file.nodes.filter { $0.role == role }
            guard peers.count < Limits.nodesPerRoleMax else {
                throw .tooMany(role: "\(role.rawValue)s", max: Limits.nodesPerRoleMax)
            }
            let ordinal = (peers.compactMap { Int($0.id.dropFirst()) }.max() ?? 0) + 1
            var port = (file.nodes.map(\.port).max() ?? 8079) + 1
            while Ports.obstacle(port) != nil, port < 65_000 { port += 1 }
            let mountpaths = peers.first?.mountpaths.count ?? 2
            let node = ClusterPlan.node(
                role, ordinal, port: port, mountpaths: mountpaths, in: directory)
            file.nodes.append(node)
            try run(node.id, in: &file)
            return try file.node(node.id)
        }
    }

    /// Asks every node to end, waits, and kills those that do not.
    ///
    /// - Returns: the ids of the nodes that had to be killed.
    package func stop() throws(ClusterError) -> [String] {
        let running = try nodes().filter { NodeProcess.state(of: $0) != .gone }
        for node in running {
            try? NodeProcess.signal(node, SIGTERM)
            try? NodeProcess.signal(node, SIGCONT)
        }
        let end = ContinuousClock.now + Limits.stopTimeout
        var killed: [String] = []
        for node in running {
            let left = max(.zero, end - .now)
            if !NodeProcess.waitUntilGone(node, limit: left) {
                try? NodeProcess.signal(node, SIGKILL)
                killed.append(node.id)
                guard NodeProcess.waitUntilGone(node, limit: Limits.killTimeout) else {
                    throw .stillRunning(node: node.id, pid: node.pid)
                }
            }
            try forget(node)
        }
        return killed
    }

    /// Notes that a process is gone, unless the node has been started again meanwhile.
    func forget(_ node: NodeRecord) throws(ClusterError) {
        try directory.update { file in
            guard (try? file.node(node.id).pid) == node.pid else { return }
            file.setProcess(0, of: node.id)
        }
    }

    /// Starts one node and records its process; the caller holds the directory's lock.
    private func run(_ id: String, in file: inout ClusterFile) throws(ClusterError) {
        let node = try file.node(id)
        let notes = try directory.notes()
        try checkPort(of: node)
        for path in [node.dir, directory.logsPath] + node.mountpaths {
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true)
            } catch {
                throw .directory(path: path, reason: "\(error)")
            }
        }
        let proxies = file.nodes.filter { $0.role == .proxy }
        let others = proxies.filter { $0.id != id }
        let arguments = node.arguments(
            founding: !notes.founded && proxies.first?.id == id,
            joining: (others.isEmpty ? proxies : others).map(\.url), config: notes.config)
        file.setProcess(try NodeProcess.spawn(executable, arguments, node: node), of: id)
        try directory.save(file)
    }

    /// The probe has no event to wait on, so it asks again after a short pause.
    private static func waitForNextProbe() {
        usleep(useconds_t(Limits.probePause.components.attoseconds / 1_000_000_000_000))
    }

    private func checkPort(of node: NodeRecord) throws(ClusterError) {
        if let obstacle = Ports.obstacle(node.port) {
            throw .portInUse(port: node.port, node: node.id, reason: obstacle)
        }
    }
}
