import Base
package import Cluster

extension XactionQuery {
    /// Whether the last rebalance is asked for. It is never under way: this version moves nothing.
    package func matches(_ record: RebalanceRecord) -> Bool {
        record.version > 0 && (id.isEmpty || id == record.id)
            && (kind == nil || kind == .rebalance) && buckets.isEmpty && isRunning != true
    }
}

extension RebalanceRecord {
    /// When it was over: at once, unless it was stopped later.
    private var ended: UInt64 { max(started.nanoseconds, stopped.nanoseconds) }
    private var wasStopped: Bool { stopped.nanoseconds > 0 }

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
            json.member("end_time", Self.text(wasStopped ? stopped : started))
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
            json.member("end_time", ended)
            json.member("aborted", wasStopped)
        }
        return json.bytes
    }
}

extension JSONWriter {
    /// What one target's jobs have done, as far as they are asked for.
    package mutating func xactions(
        _ query: XactionQuery, of target: NodeID, _ record: RebalanceRecord
    ) {
        array { json in
            let isAsked = query.node.map { $0 == target } ?? true
            if isAsked, query.matches(record), record.targets.contains(target) {
                record.write(&json)
            }
        }
    }
}
