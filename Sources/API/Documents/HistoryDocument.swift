package import Base
package import Cluster

/// What changed, by whom, when, and from what to what: an answer to `what=history`.
package struct HistoryDocument: Sendable {
    /// Which maps a reader wants to know about.
    package enum Subject: String, CaseIterable, Sendable {
        case all
        case smap
        case bmd
        case config

        package var subjects: HistoryEntry.Subjects {
            switch self {
            case .all: .all
            case .smap: .map
            case .bmd: .buckets
            case .config: .config
            }
        }
    }

    package var entries: [HistoryEntry]
    /// Whether older entries follow.
    package var hasMore: Bool
    /// The index of the oldest entry that is kept.
    package var oldest: UInt64?

    package init(entries: [HistoryEntry], hasMore: Bool, oldest: UInt64?) {
        self.entries = entries
        self.hasMore = hasMore
        self.oldest = oldest
    }

    /// What became of one request.
    package enum Fate: String, Sendable {
        case applied
        /// Nothing of it was changed, and nothing will be.
        case notApplied = "not_applied"
        /// Nothing of it was changed up to the position of the answer.
        case notYetKnown = "not_yet_known"
    }

    /// The answer to a question about one request: its changes, newest first.
    package func encoded(
        _ fate: Fate, of requestID: String, at position: LogPosition
    ) throws(DecodingFailure) -> [UInt8] {
        try encoded { json in
            json.member("request_id", requestID)
            json.member("outcome", fate.rawValue)
            json.member("position", position.text)
        }
    }

    /// The changes that follow a place, oldest first, and from where to ask on.
    package func encoded(next: LogPosition) throws(DecodingFailure) -> [UInt8] {
        try encoded { json in
            json.member("next", next.text)
            json.member("more", hasMore)
        }
    }

    private func encoded(
        _ members: (inout JSONWriter) -> Void
    ) throws(DecodingFailure) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + entries.count * 512)
        let read = try entries.map { entry throws(DecodingFailure) in (entry, try entry.changes) }
        json.object { json in
            members(&json)
            json.key("entries")
            json.array { json in
                for (entry, changes) in read { Self.write(entry, changes, to: &json) }
            }
        }
        json.newline()
        return json.bytes
    }

    /// The document, with a newline behind it.
    ///
    /// - Throws: ``Base/DecodingFailure`` for an entry whose rows do not decode.
    package func encoded() throws(DecodingFailure) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + entries.count * 512)
        let read = try entries.map { entry throws(DecodingFailure) in (entry, try entry.changes) }
        json.object { json in
            json.key("entries")
            json.array { json in
                for (entry, changes) in read { Self.write(entry, changes, to: &json) }
            }
            json.member("oldest", oldest.map { String($0) } ?? "")
            json.member("more", hasMore)
            // For the next page: `before=`.
            json.member(
                "before", hasMore ? entries.last.map { String($0.position.index) } ?? "" : "")
        }
        json.newline()
        return json.bytes
    }

    private static func write(
        _ entry: HistoryEntry, _ changes: [HistoryChange], to json: inout JSONWriter
    ) {
        json.object { json in
            json.member("index", String(entry.position.index))
            json.member("position", entry.position.text)
            json.member("time", time(entry.time))
            json.member("command", entry.command)
            json.member("actor", entry.actor)
            json.member("address", entry.clientAddress)
            json.member("request_id", entry.requestID)
            json.key("changes")
            json.array { json in for change in changes { write(change, to: &json) } }
        }
    }

    private static func write(_ change: HistoryChange, to json: inout JSONWriter) {
        json.object { json in
            switch change {
            case .versions(let before, let after):
                json.member("what", "cluster")
                pair(before, after, &json) { json, versions in
                    json.object { json in
                        json.member("smap_version", String(versions.map))
                        json.member("bmd_version", String(versions.buckets))
                        json.member("primary", versions.primary?.text ?? "")
                    }
                }
            case .node(let before, let after):
                json.member("what", "node")
                json.member("node", (after ?? before)?.id.text ?? "")
                pair(before, after, &json) { $0.value($1) }
            case .bucket(let bucket, let before, let after):
                json.member("what", "bucket")
                json.key("bucket")
                json.value(bucket)
                pair(before, after, &json) { $0.value($1, of: bucket) }
            case .rebalance(let before, let after):
                json.member("what", "rebalance")
                pair(before, after, &json) { json, rebalance in
                    json.object { json in
                        json.member("id", rebalance.id)
                        json.member("status", rebalance.status.text)
                        json.member("started", time(rebalance.started))
                        json.member("stopped", time(rebalance.stopped))
                    }
                }
            case .mountpaths(let id, let before, let after):
                json.member("what", "mountpaths")
                json.member("node", id.text)
                pair(before, after, &json) { (json, notes: [MountpathNote]) in
                    json.array { json in
                        for note in notes {
                            json.object { json in json.value(members: note) }
                        }
                    }
                }
            case .decommission(let id, let before, let after):
                json.member("what", "decommission")
                json.member("node", id.text)
                pair(before, after, &json) { json, record in
                    json.object { $0.value(members: record) }
                }
            case .recovery(let before, let after):
                json.member("what", "recovery")
                pair(before, after, &json) { json, record in
                    json.object { $0.value(members: record) }
                }
            case .setting(let name, let node, let before, let after):
                json.member("what", "config")
                json.member("name", name)
                if let node { json.member("node", node.text) }
                pair(before, after, &json) { $0.value($1) }
            }
        }
    }

    /// Empty for what has not happened.
    private static func time(_ time: Timestamp) -> String {
        time.nanoseconds == 0
            ? "" : TimeLayout.text(time, layout: "2006-01-02T15:04:05.000000Z")
    }

    /// `before` and `after`; `null` for what was not there.
    private static func pair<Value>(
        _ before: Value?, _ after: Value?, _ json: inout JSONWriter,
        _ write: (inout JSONWriter, Value) -> Void
    ) {
        for (key, value) in [("before", before), ("after", after)] {
            json.key(key)
            if let value { write(&json, value) } else { json.null() }
        }
    }
}
