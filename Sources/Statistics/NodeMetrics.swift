import API
package import Base
package import Cluster

extension MetricsText {
    /// What every node has to say, whatever its role: requests, process, machine.
    package mutating func add(
        _ node: Node, _ snapshot: StatisticsSnapshot, _ report: SystemReport, started: Timestamp,
        connections: Int
    ) {
        family("martlet_node_info", .gauge, "Who the node is; always 1.") {
            $0.sample(1, [("id", node.id.text), ("role", node.role.text)])
        }
        add(counters: snapshot)
        add(requests: snapshot.totals)
        counter(
            "martlet_requests_refused_total",
            "Connections refused: no room, or a head that was malformed or too slow.",
            snapshot[.refused])
        family(
            "martlet_failures_total", .counter,
            "Answers of this node with an error, by its code and status."
        ) { family in
            for (code, count) in snapshot.failures {
                family.sample(count, [("code", code.rawValue), ("status", "\(code.status)")])
            }
        }
        gauge("martlet_connections", "Open connections.", connections)
        add(report.process, started)
        gauge(
            "martlet_machine_memory_bytes", "Memory of the machine.", report.machine.memoryBytes)
        gauge(
            "martlet_machine_memory_available_bytes",
            "Memory of the machine that could be had without swapping.",
            report.machine.availableBytes)
        gauge(
            "martlet_machine_load1", "Runnable tasks of the machine, averaged over a minute.",
            report.machine.load.first ?? 0)
        gauge("martlet_machine_cores", "Cores of the machine.", report.machine.cores)
    }

    /// AIStore's counters under its names, with the unit and `_total` that the format asks for. Its latencies are
    /// those of the histogram, whose sum and count say more.
    private mutating func add(counters snapshot: StatisticsSnapshot) {
        for counter in snapshot.counters(averaged: false) {
            let words = counter.name.split(separator: ".")
            let name = "ais_\(snapshot.role.text)_\(words.joined(separator: "_"))"
            let help = "AIStore's \(counter.name): \(counter.help)."
            switch counter.kind {
            case .count: self.counter("\(name)_total", help, counter.value)
            case .bytes: self.counter("\(name)_bytes_total", help, counter.value)
            case .duration, .rate: break
            }
        }
        gauge(
            "ais_\(snapshot.role.text)_uptime_seconds", "Time since the node was started.",
            Double(snapshot.upNanoseconds) / 1e9)
    }

    private mutating func add(requests totals: RequestTotals) {
        func labels(_ operation: Operation) -> Labels { [("operation", operation.name)] }
        family(
            "martlet_request_duration_seconds", .histogram,
            "Time from a request's head to its answer's last byte, of requests answered below 400."
        ) { family in
            for operation in Operation.allCases where operation.isTimed {
                family.sample(totals[operation].latency, labels(operation))
            }
        }
        let counts: [(String, String, (OperationTotals) -> UInt64)] = [
            ("martlet_requests_done_total", "Requests answered below 400.", { $0.done }),
            ("martlet_requests_failed_total", "Requests answered with an error.", { $0.failed }),
            (
                "martlet_requests_lost_total",
                "Requests whose client was gone before it had the whole answer.", { $0.lost }
            ),
            (
                "martlet_request_body_bytes_total",
                "Bytes of the bodies of requests answered below 400.", { $0.bytesReceived }
            ),
            (
                "martlet_response_body_bytes_total",
                "Bytes of the bodies of answers below 400.", { $0.bytesSent }
            ),
            (
                "martlet_requests_forwarded_total",
                "Requests that another proxy has passed on to this one, however they ended; all else counts them there.",
                { $0.forwarded }
            ),
        ]
        for (name, help, field) in counts {
            family(name, .counter, help) { family in
                for operation in Operation.allCases {
                    family.sample(field(totals[operation]), labels(operation))
                }
            }
        }
    }

    /// The names that Prometheus' own client libraries use.
    private mutating func add(_ process: ProcessUsage, _ started: Timestamp) {
        family("process_cpu_seconds_total", .counter, "CPU time used, on all cores.") {
            $0.sample(Double(process.cpuNanoseconds) / 1e9)
        }
        gauge("process_resident_memory_bytes", "Memory in use.", process.residentBytes)
        gauge("process_virtual_memory_bytes", "Address space in use.", process.virtualBytes)
        gauge("process_open_fds", "Open descriptors.", process.openDescriptors)
        gauge("process_max_fds", "Descriptors that may be open.", process.maxDescriptors)
        gauge("process_threads", "Threads.", process.threads)
        gauge(
            "process_start_time_seconds", "When the node was started, since 1970.",
            Double(started.nanoseconds) / 1e9)
    }

    /// What both roles know of the cluster's state.
    package mutating func add(_ state: ClusterState) {
        gauge("martlet_smap_version", "Version of the cluster map.", state.map.version)
        gauge("martlet_bmd_version", "Version of the bucket metadata.", state.buckets.version)
        gauge("martlet_buckets", "Buckets of the cluster.", state.buckets.buckets.count)
        let now = Timestamp.now()
        let expired = state.sessions.values.count { $0.isExpired(at: now) }
        family(
            "martlet_sessions", .gauge,
            "Sessions in the state; expired ones go with the next request of theirs, or the next session that is opened."
        ) { family in
            family.sample(state.sessions.count - expired, [("state", "open")])
            family.sample(expired, [("state", "expired")])
        }
        counter(
            "martlet_sessions_expired_total",
            "Sessions that this node has seen end because nobody used them.",
            state.expiredSessions.count)
        family("martlet_map_nodes", .gauge, "Nodes on the cluster map.") { family in
            for role in [NodeRole.proxy, .target] {
                family.sample(state.map.nodes(role).count, [("role", role.text)])
            }
        }
        gauge(
            "martlet_state_generation", "Generation of the log; raised by a forced recovery.",
            state.position.generation)
        gauge(
            "martlet_state_term", "Term of the last entry in the state.", state.position.term)
        gauge(
            "martlet_state_index", "Index of the last entry in the state.", state.position.index)
    }

    /// Requests that wait for something to happen, by what they wait for.
    package mutating func add(waiting: KeyValuePairs<String, Int>) {
        family(
            "martlet_requests_waiting", .gauge,
            "Requests in progress that wait for news: of a version (wait_version), or of any change (what=watch)."
        ) { family in
            for (what, count) in waiting { family.sample(count, [("for", what)]) }
        }
    }

    /// How full the mountpaths are, and which of `paths` did not say.
    package mutating func add(_ capacities: [Capacity], of paths: [String]) {
        family(
            "martlet_mountpath_answers", .gauge,
            "Whether the filesystem of a mountpath answers within a second."
        ) { family in
            for path in paths {
                let answers = capacities.contains { $0.path == path }
                family.sample(answers ? 1 : 0, [("mountpath", path)])
            }
        }
        let families: [(String, String, (Capacity) -> UInt64)] = [
            ("size", "Size of the filesystem of a mountpath.", { $0.totalBytes }),
            ("used", "Used on the filesystem of a mountpath.", { $0.usedBytes }),
            ("available", "What may still be written to a mountpath.", { $0.availableBytes }),
        ]
        for (word, help, field) in families {
            family("martlet_mountpath_\(word)_bytes", .gauge, help) { family in
                for capacity in capacities {
                    family.sample(field(capacity), [("mountpath", capacity.path)])
                }
            }
        }
    }
}
