import Base
package import Cluster

extension XactionQuery {
    /// The rebalances that are asked for, newest first. None is under way: this version moves nothing.
    package func rebalances(of state: ClusterState) -> [RebalanceRecord] {
        isRunning == true ? [] : known(of: state)
    }

    /// Whether it names a job by its id, and there is none.
    package func namesNone(of state: ClusterState) -> Bool {
        !id.isEmpty && known(of: state).isEmpty
    }

    /// The state of the newest that is asked for; without a newline behind it. `nil` when there is none.
    package func status(of state: ClusterState, problem: String) -> [UInt8]? {
        rebalances(of: state).first.map { record in
            var json = JSONWriter()
            record.writeStatus(problem, to: &json)
            return json.bytes
        }
    }

    /// The states of all that are asked for, newest first.
    package func statuses(of state: ClusterState, problem: String) -> [UInt8] {
        var json = JSONWriter()
        json.array { json in
            for record in rebalances(of: state) { record.writeStatus(problem, to: &json) }
        }
        json.newline()
        return json.bytes
    }

    /// The names of those that are asked for and run.
    ///
    /// - Throws: that those which have ended are asked for.
    package func running(in state: ClusterState) throws(Failure) -> [UInt8] {
        guard isRunning != false else {
            throw Failure(
                .badValue, "'show_active' is false in a question about jobs that run",
                next: "leave it out; what=status_all tells of those that have ended")
        }
        var running = self
        running.isRunning = true
        var json = JSONWriter()
        json.array { json in
            for record in running.rebalances(of: state) { json.value(record.name) }
        }
        json.newline()
        return json.bytes
    }

    private func known(of state: ClusterState) -> [RebalanceRecord] {
        guard kind == nil || kind == .rebalance, buckets.isEmpty else { return [] }
        return state.rebalances.filter { id.isEmpty || id == $0.id }
    }
}

extension RebalanceRecord {
    /// Its entry among the statistics of jobs (contract §11.5), the same at each target it is about.
    fileprivate func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("kind", XactionKind.rebalance.rawValue)
            json.key("bck")
            json.object { json in
                json.member("name", "")
                json.member("provider", "")
                json.key("namespace")
                json.object { json in
                    json.member("uuid", "")
                    json.member("name", "")
                }
            }
            json.member("start_time", Self.text(started))
            json.member("end_time", Self.text(ended))
            json.member("obj_count", "0")
            json.member("bytes_count", "0")
            json.member("aborted", wasStopped)
            json.member("status", status.text)
            json.key("ext")
            json.object { json in
                for name in ["reb.tx.n", "reb.tx.size", "reb.rx.n", "reb.rx.size"] {
                    json.member(name, "0")
                }
                json.member("glob.id", String(version))
            }
        }
    }

    private static func text(_ time: Timestamp) -> String {
        TimeLayout.text(time, layout: "2006-01-02T15:04:05.999999999") + "Z"
    }

    /// How it ended (contract §11.4), and what AIStore's later versions say besides.
    fileprivate func writeStatus(_ problem: String, to json: inout JSONWriter) {
        json.object { json in
            json.member("uuid", id)
            json.member("err", problem)
            json.member("end_time", ended.nanoseconds)
            json.member("aborted", wasStopped)
            json.member("kind", XactionKind.rebalance.rawValue)
            json.member("is_idle", false)
        }
    }

    /// As it is named in a line: `rebalance[g7]`.
    fileprivate var name: String { "\(XactionKind.rebalance.rawValue)[\(id)]" }
}

extension JSONWriter {
    /// What one target's jobs have done, as far as they are asked for.
    package mutating func xactions(
        _ query: XactionQuery, of target: NodeID, _ state: ClusterState
    ) {
        array { json in
            guard query.node == nil || query.node == target else { return }
            for record in query.rebalances(of: state) where record.targets.contains(target) {
                record.write(&json)
            }
        }
    }
}
