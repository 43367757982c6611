import Base
import Cluster
import Testing

/// Going back from the present along the history.
@Suite struct PastStateTests {
    private static let subjects: [PastState.Subject] = [.map, .buckets, .config]

    /// A state, and all that led to it.
    private struct Told {
        var state = ClusterState()
        var entries: [HistoryEntry] = []
        private var index: UInt64 = 0

        mutating func apply(_ command: Command) {
            let before = state
            var changes: [StateRow.Change] = []
            let (place, time) = next()
            let record = LogRecord(command, actor: "test")
            _ = state.apply(record, at: place, time: time, changes: &changes)
            note(record, time, changes, before)
        }

        mutating func lead(member: UInt64) {
            let before = state
            var changes: [StateRow.Change] = []
            let (place, time) = next()
            _ = state.applyLeader(member: member, at: place, changes: &changes)
            note(nil, time, changes, before)
        }

        private mutating func next() -> (LogPosition, Timestamp) {
            index += 1
            return (
                LogPosition(generation: 1, nonce: 0, term: 1, index: index),
                Timestamp(nanoseconds: index)
            )
        }

        private mutating func note(
            _ record: LogRecord?, _ time: Timestamp, _ changes: [StateRow.Change],
            _ before: ClusterState
        ) {
            let entry = HistoryEntry(
                record, time: time, changed: changes, before: before, after: state)
            if let entry { entries.append(entry) }
        }
    }

    /// One change of any kind, by chance; many are refused, as in life.
    private static func step(_ told: inout Told, _ random: inout SeededRandom) throws {
        let number = UInt16.random(in: 1...5, using: &random)
        let id = try #require(NodeID("t\(number)"))
        let bucket = try #require(Bucket(name: "b\(number)"))
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
            let port = number * 10 + UInt16.random(in: 0...1, using: &random)
            let address = try #require(NodeAddress(host: "127.0.0.1", port: port))
            told.apply(.setNode(Node(id: id, role: .target, address: address)))
        case 2: told.apply(.removeNode(id))
        case 3, 4: told.apply(.createBucket(bucket, BucketProperties()))
        case 5: told.apply(.destroyBucket(bucket))
        case 6, 7:
            let value = Bool.random(using: &random) ? "\(number)s" : nil
            let scope: ConfigChange.Scope = Bool.random(using: &random) ? .cluster : .node(id)
            let names = ["periodic.stats_time", "timeout.max_keepalive"]
            let items = names.prefix(Int(number % 2) + 1).map { ConfigChange.Item($0, value) }
            told.apply(
                .setConfig(
                    ConfigChange(
                        scope: scope, base: told.state.config.version, items: Array(items))))
        case 8: told.apply(.setMaintenance(id, isOn: Bool.random(using: &random)))
        default: told.lead(member: 11)
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `every version that was is found again, whatever happened since`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var told = Told()
        told.apply(
            .found(
                clusterID: "c", founder: try TestLog.proxy("p1", member: 11, port: 1),
                generation: 1, nonce: 0))
        // What each version was when it ended; of one version the last state counts.
        var known: [[UInt64: PastState]] = Self.subjects.map { _ in [:] }
        for _ in 0..<120 {
            for (place, subject) in Self.subjects.enumerated() {
                let present = PastState(told.state, subject: subject)
                known[place][present.version] = present
            }
            try Self.step(&told, &random)
        }
        for (place, subject) in Self.subjects.enumerated() {
            let about = told.entries.reversed().filter {
                !$0.subjects.isDisjoint(with: subject.subjects)
            }
            var past = PastState(told.state, subject: subject)
            var seen: Set<UInt64> = []
            for entry in about {
                if let expected = known[place][past.version], seen.insert(past.version).inserted {
                    #expect(Self.isSame(past, expected), "\(subject) \(past.version)")
                }
                #expect(try past.undo(entry), "\(subject) before entry \(entry.position.index)")
            }
            #expect(past.version == (subject == .config ? 1 : 0))
            #expect(seen.count > 5, "\(subject) had only \(seen.count) versions")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `what a change is about is told from its rows as from reading them`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var told = Told()
        told.apply(
            .found(
                clusterID: "c", founder: try TestLog.proxy("p1", member: 11, port: 1),
                generation: 1, nonce: 0))
        for _ in 0..<120 { try Self.step(&told, &random) }
        for entry in told.entries {
            let isOfConfig = entry.rows.contains { $0.kind == .config && $0.before != nil }
            let read: HistoryEntry.Subjects = try entry.changes.reduce(
                into: isOfConfig ? .config : []
            ) { subjects, change in
                switch change {
                case .versions(let before, let after):
                    if before?.map != after?.map { subjects.insert(.map) }
                    if before?.buckets != after?.buckets { subjects.insert(.buckets) }
                case .node, .rebalance, .mountpaths, .recovery, .decommission: subjects.insert(.map)
                case .bucket: subjects.insert(.buckets)
                case .setting: subjects.insert(.config)
                }
            }
            #expect(entry.subjects == read, "entry \(entry.position.index), \(entry.command)")
        }
        #expect(Set(told.entries.map(\.subjects.rawValue)).count > 2)
    }

    private static func isSame(_ left: PastState, _ right: PastState) -> Bool {
        switch left.subject {
        case .map: left.map == right.map
        case .buckets: left.buckets == right.buckets
        case .config: left.config == right.config
        }
    }

    @Test func `a gap in the history is noticed, and nothing is undone across it`() throws {
        var told = Told()
        told.apply(
            .found(
                clusterID: "c", founder: try TestLog.proxy("p1", member: 11, port: 1),
                generation: 1, nonce: 0))
        for name in ["a", "b", "c"] {
            let bucket = try #require(Bucket(name: name))
            told.apply(.createBucket(bucket, BucketProperties()))
        }
        var past = PastState(told.state, subject: .buckets)
        let before = past
        #expect(try past.undo(told.entries[2]) == false)
        #expect(past == before)
        #expect(try past.undo(told.entries[3]))
        #expect(past.version == 3 && past.buckets.buckets.count == 2)
    }

    @Test func `a difference names what came, went and changed`() throws {
        let old = SortedMap([("a", 1), ("b", 2), ("d", 4)])
        let new = SortedMap([("b", 3), ("c", 5), ("d", 4), ("e", 6)])
        var difference = StateDifference<String, Int>()
        difference.add(from: old, to: new)
        #expect(difference.added.map(\.name) == ["c", "e"])
        #expect(difference.removed.map(\.name) == ["a"])
        #expect(difference.changed.map(\.name) == ["b"])
        #expect(difference.changed.first?.before == 2 && difference.changed.first?.after == 3)
    }
}
