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

    /// How it ended (contract §11.4); without a newline behind it.
    package func statusDocument(_ problem: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("uuid", id)
            json.member("err", problem)
            json.member("end_time", ended.nanoseconds)
            json.member("aborted", wasStopped)
        }
        return json.bytes
    }
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
