@testable import Consensus

/// A script and what it did: commands at the beginning of a line, their recorded trace indented.
///
/// Heartbeats, their answers and digests of states are left out of traces. A command that is not understood, or an
/// expectation that does not hold, is a complaint; complaints are never recorded.
struct Scenario {
    private(set) var group = Group(voters: 1)
    private(set) var complaints: [String] = []
    private var cuts: Set<String> = []
    private var proposals: [(member: UInt64, token: ProposalToken)] = []
    private var reads: [(member: UInt64, token: ReadToken)] = []
    private var trace: [String] = []

    /// The script with the trace that it has now.
    static func run(_ script: String) -> (text: String, complaints: [String]) {
        var scenario = Scenario()
        var text = ""
        for line in script.split(separator: "\n", omittingEmptySubsequences: false)
        where !line.hasPrefix("  ") {
            text += line + "\n"
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            scenario.trace = []
            scenario.carryOut(line)
            for step in scenario.trace { text += "  \(step)\n" }
        }
        while text.hasSuffix("\n\n") { text.removeLast() }
        return (text, scenario.complaints)
    }

    private mutating func carryOut(_ line: Substring) {
        let words = line.split(separator: " ").map(String.init)
        let numbers = words.dropFirst().compactMap(UInt64.init)
        let id = numbers.first ?? 0
        switch (words[0], words.count) {
        case ("group", 2...): found(words)
        case ("limit", 3): limit(words[1], Int(words[2]) ?? 0)
        case ("log", 3...): preset(id, terms: Array(numbers.dropFirst()))
        case ("blank", 2): group.addBlank(id)
        case ("elect", 2): watch { $0.elect(id) }
        case ("age", 3): group.age(id, ticks: Int(numbers[1]))
        case ("tick", 2...):
            let ids = numbers.count > 1 ? Array(numbers.dropFirst()) : nil
            watch { $0.tick(Int(id), ids) }
        case ("settle", 1): watch { $0.settle() }
        case ("deliver", 2): watch { group in for _ in 0..<id { group.deliver() } }
        case ("flush", 2): watch { $0.flushAll(id) }
        case ("drop", 1): group.wire = []
        case ("crash", 2): group.crash(id)
        case ("restart", 2): watch { $0.restart(id) }
        case ("stick", 2): group.members[MemberID(id)]?.isDiskStuck = true
        case ("unstick", 2): group.members[MemberID(id)]?.isDiskStuck = false
        case ("cut", 2...): cut(words.dropFirst())
        case ("lose", 2): cut([words[1]])
        case ("heal", 1): cut([])
        case ("propose", 3...):
            for text in words.dropFirst(2) {
                let token = watch { $0.propose(text, at: id) }
                proposals.append((id, token))
            }
        case ("change", 4): change(words, at: id)
        case ("read", 2):
            let token = watch { $0.read(at: id) }
            reads.append((id, token))
        case ("transfer", 3): watch { $0.feed(MemberID(id), [.transfer(to: MemberID(numbers[1]))]) }
        case ("send", 5...): send(words)
        case ("state", 1): for id in group.ids { trace.append(describe(id)) }
        case ("expect", 4...): expect(words)
        default: complaints.append("not understood: \(line)")
        }
    }

    @discardableResult
    private mutating func watch<Value>(_ change: (inout Group) -> Value) -> Value {
        group.heard = []
        let value = change(&group)
        for envelope in group.heard {
            switch envelope.message {
            case .heartbeat, .heartbeatReply, .stateDigests: continue
            default:
                trace.append(
                    "\(envelope.from)>\(envelope.to) term \(envelope.term) "
                        + envelope.message.text)
            }
        }
        return value
    }

    // MARK: commands

    /// `group VOTERS [LEARNERS]`, after the limits.
    private mutating func found(_ words: [String]) {
        group = Group(
            voters: Int(words[1]) ?? 1, learners: words.count > 2 ? Int(words[2]) ?? 0 : 0,
            limits: group.limits, driverLimits: group.driverLimits)
    }

    private mutating func limit(_ name: String, _ value: Int) {
        switch name {
        case "appendEntries": group.limits.appendEntriesMax = value
        case "inFlight": group.limits.inFlightMessagesMax = value
        case "uncommittedEntries": group.limits.uncommittedEntriesMax = value
        case "payloadBytes": group.limits.payloadBytesMax = value
        case "chunkBytes": group.limits.snapshotChunkBytes = value
        case "cacheBytes": group.limits.cacheBytesMax = value
        case "promotionLag": group.limits.promotionLagMax = value
        case "retained": group.driverLimits.retainedEntries = value
        case "stride": group.driverLimits.compactionStride = UInt64(value)
        default: complaints.append("no limit \(name)")
        }
    }

    /// The log of a member as terms; it starts again with it.
    private mutating func preset(_ id: UInt64, terms: [UInt64]) {
        guard let base = group.members[MemberID(id)]?.storage.base else { return }
        var storage = Ledger.storage()
        let entries = terms.enumerated().map { place, term in
            Entry(
                index: Index(UInt64(place) + 1), term: Term(term), time: 0, kind: .command,
                payload: Array("\(place + 1):\(term)".utf8))
        }
        storage.write(
            WriteBatch(
                sequence: .zero,
                hardState: HardState(
                    generation: Group.generation, term: Term(terms.last ?? 0), vote: nil),
                base: base))
        storage.write(WriteBatch(sequence: .zero, entries: entries))
        group.members[MemberID(id)]?.storage = storage
        group.restart(id)
    }

    /// `1>2` one way, `1-2` both ways, `1` from everybody; a word: messages that begin with it.
    private mutating func cut(_ links: some Sequence<String>) {
        cuts.formUnion(links)
        if Array(links).isEmpty { cuts = [] }
        let cuts = cuts
        group.loses = { envelope in
            let (from, to) = (envelope.from, envelope.to)
            return cuts.contains("\(from)>\(to)") || cuts.contains("\(from)-\(to)")
                || cuts.contains("\(to)-\(from)") || cuts.contains("\(from)")
                || cuts.contains("\(to)")
                || cuts.contains(String(envelope.message.text.prefix { $0 != " " }))
        }
    }

    private mutating func change(_ words: [String], at id: UInt64) {
        let member = MemberID(UInt64(words[3]) ?? 0)
        let kinds: [String: MembershipChange] = [
            "add": .addLearner(member), "promote": .promote(member), "demote": .demote(member),
            "remove": .remove(member),
        ]
        guard let change = kinds[words[2]] else { return complaints.append("no \(words[2])") }
        let token = watch { $0.change(change, at: id) }
        proposals.append((id, token))
    }

    /// `send 1>2 TERM MESSAGE…`: a message out of nowhere.
    private mutating func send(_ words: [String]) {
        let ends = words[1].split(separator: ">").compactMap { UInt64($0) }
        guard ends.count == 2, let term = UInt64(words[2]),
            let message = message(Array(words.dropFirst(3)))
        else { return complaints.append("not a message: \(words.joined(separator: " "))") }
        watch { $0.inject(message, from: ends[0], to: ends[1], term: term) }
    }

    private func message(_ words: [String]) -> Message? {
        let marks = words.compactMap(Self.mark)
        let numbers = words.compactMap { UInt64($0) }
        switch words[0] {
        case "pre-vote?": return marks.first.map { .preVoteRequest(round: 7, last: $0) }
        case "vote?":
            return marks.first.map {
                .voteRequest(last: $0, isTransfer: words.contains("transfer"))
            }
        case "vote": return .voteReply(granted: words.contains("granted"))
        case "accepted": return numbers.first.map { .appendAccepted(match: Index($0)) }
        case "rejected":
            return marks.count == 2 ? .appendRejected(rejected: marks[0], hint: marks[1]) : nil
        case "heartbeat":
            return numbers.count == 2
                ? .heartbeat(
                    round: numbers[0], commit: LogMark(index: Index(numbers[1]), term: Term(1)))
                : nil
        case "heard":
            return numbers.first.map {
                .heartbeatReply(round: $0, last: Index(numbers.dropFirst().first ?? .max >> 2))
            }
        case "held": return numbers.first.map { .appendHeld(match: Index($0)) }
        case "promised": return marks.first.map { .promised($0) }
        case "timeout": return .timeoutNow()
        case "stale": return .staleTerm
        case "append":
            guard let previous = marks.first, let commit = numbers.last else { return nil }
            return .append(
                previous: previous, entries: marks.dropFirst().map(Self.entry),
                commit: Index(commit))
        default: return nil
        }
    }

    private static func mark(_ word: String) -> LogMark? {
        let parts = word.split(separator: ":").compactMap { UInt64($0) }
        guard parts.count == 2, word.contains(":") else { return nil }
        return LogMark(index: Index(parts[0]), term: Term(parts[1]))
    }

    private static func entry(_ mark: LogMark) -> Entry {
        Entry(
            index: mark.index, term: mark.term, time: 0, kind: .command,
            payload: Array("\(mark)".utf8))
    }

    // MARK: looking

    private func describe(_ id: MemberID) -> String {
        guard let pipeline = group.members[id]?.pipeline else { return "\(id) down" }
        let replica = pipeline.replica
        return "\(id) \(replica.roleName) term \(replica.term) commit \(replica.commit) "
            + "log \(Self.log(replica)) members \(replica.configuration)"
    }

    /// The terms of all entries from the base on.
    private static func log(_ replica: Replica) -> String {
        var terms: [String] = []
        var index = replica.base.mark.index
        if index > .zero { terms.append("(\(replica.base.mark))") }
        while index < replica.lastMark.index {
            index = index.next
            terms.append(replica.term(at: index).map(String.init(describing:)) ?? "?")
        }
        return terms.joined(separator: ",")
    }

    /// `expect WHO WHAT VALUE…`, where who is a member, `proposal N`, `read N` or `all`.
    private mutating func expect(_ words: [String]) {
        let wanted = words.dropFirst(3).joined(separator: " ")
        let found: [String]
        switch words[1] {
        case "proposal", "read":
            let place = (Int(words[2]) ?? 1) - 1
            found = [words[1] == "read" ? readOutcome(place) : proposalOutcome(place)]
        case "all": found = group.ids.map { value(words[2], of: $0) }
        default: found = [value(words[2], of: MemberID(UInt64(words[1]) ?? 0))]
        }
        for value in found where value != wanted {
            complaints.append("\(words.joined(separator: " ")): it is \(value)")
        }
    }

    private func proposalOutcome(_ place: Int) -> String {
        guard proposals.indices.contains(place) else { return "missing" }
        let outcomes = group.outcomes(proposals[place].token, at: proposals[place].member)
        return outcomes.isEmpty ? "open" : outcomes.joined(separator: " and ")
    }

    private func readOutcome(_ place: Int) -> String {
        guard reads.indices.contains(place) else { return "missing" }
        let outcomes = group.reads(reads[place].token, at: reads[place].member)
        if outcomes.isEmpty { return "open" }
        return outcomes.map { outcome in
            switch outcome {
            case .ready(let position): "at \(position.index)"
            case .refused(let refusal): "refused \(refusal)"
            }
        }.joined(separator: " and ")
    }

    private func value(_ what: String, of id: MemberID) -> String {
        if what == "stopped" {
            return group.members[id]?.stopped.map(String.init(describing:)) ?? "no"
        }
        if what == "transfer" {
            return group.members[id]?.transfers.map(String.init(describing:)).joined(
                separator: " and ") ?? ""
        }
        guard let pipeline = group.members[id]?.pipeline else { return "down" }
        let replica = pipeline.replica
        switch what {
        case "role": return replica.roleName.rawValue
        case "term": return "\(replica.term)"
        case "commit": return "\(replica.commit)"
        case "applied": return "\(pipeline.applied.index)"
        case "leader": return replica.leader.map(String.init(describing:)) ?? "nobody"
        case "log": return Self.log(replica)
        case "durable": return "\(replica.durable)"
        case "members": return "\(replica.configuration)"
        case "vote": return replica.hardState.vote.map(String.init(describing:)) ?? "free"
        case "lines": return group.lines(id.rawValue).joined(separator: ",")
        default: return "no \(what)"
        }
    }
}
