import API
import Base
import Cluster
import Consensus

// The document `what=recovery` of a proxy, and of `martlet recovery inspect`: written and read here.

extension RecoveryFacts {
    /// The document, with a newline behind it.
    var encoded: [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.value(self)
        json.newline()
        return json.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        try self.init(json: try JSONValue(parsing: bytes))
    }

    init(json: JSONValue) throws(DecodingFailure) {
        let reader = try FactsReader(json, "the facts of a log")
        node = try reader.text("node")
        url = try reader.text("url")
        clusterID = try reader.text("cluster")
        member = try reader.member("member")
        generation = try reader.generation("generation")
        term = Term(try reader.number("term"))
        base = try reader.mark("base")
        last = try reader.mark("last")
        commit = Index(try reader.number("commit"))
        applied = try reader.position("applied")
        stateHash = try reader.hex("state_hash")
        chain = try reader.isNull("chain") ? nil : reader.hex("chain")
        isRunning = try reader.flag("running")
        leader = try reader.isNull("leader") ? nil : reader.member("leader")
        supersededBy =
            try reader.isNull("superseded_by") ? nil : reader.generation("superseded_by")
        obstacle = try reader.isNull("obstacle") ? nil : reader.text("obstacle")
        if !(try reader.isNull("unreadable")) {
            let found = try reader.inner("unreadable")
            unreadable = Unreadable(
                Unreadable.Part(rawValue: try found.text("part")) ?? .entry,
                at: LogMark(
                    index: Index(try found.number("index")), term: Term(try found.number("term"))),
                reason: try found.text("reason"), isNewer: try found.flag("newer"))
        }
        configuration = try reader.configuration()
        if !(try reader.isNull("opening")) {
            let opening = try reader.inner("opening")
            self.opening = Opening(
                base: try opening.position("base"), leader: try opening.member("leader"),
                term: Term(try opening.number("term")),
                configuration: try opening.configuration())
        }
        runs = try reader.list("terms").map { entry throws(DecodingFailure) in
            let entry = try FactsReader(entry, "a term")
            return TermRun(
                first: Index(try entry.number("first")), term: Term(try entry.number("term")))
        }
        guard
            zip(runs, runs.dropFirst()).allSatisfy({ $0.first < $1.first && $0.term < $1.term })
        else { throw DecodingFailure("terms that do not ascend", at: 0) }
        tail = try reader.list("uncommitted").map { entry throws(DecodingFailure) in
            let entry = try FactsReader(entry, "an entry")
            return TailEntry(
                mark: LogMark(
                    index: Index(try entry.number("index")), term: Term(try entry.number("term"))),
                time: try entry.number("time_ns"), actor: try entry.text("actor"),
                action: try entry.text("action"), subject: try entry.text("subject"))
        }
        branches = try reader.texts("branches")
        holdings.buckets = try reader.names("buckets")
        holdings.settings = try reader.names("settings")
        holdings.nodes = try reader.names("nodes")
        holdings.isPartial = try reader.flag("names_left_out")
    }
}

extension JSONWriter {
    mutating func value(_ facts: RecoveryFacts) {
        object { json in
            json.member("node", facts.node)
            json.member("url", facts.url)
            json.member("cluster", facts.clusterID)
            json.member("member", "\(facts.member)")
            json.member("generation", "\(facts.generation)")
            json.member("term", facts.term.rawValue)
            json.member("last", facts.last)
            json.member("commit", facts.commit.rawValue)
            json.member("applied", facts.applied.text)
            json.member("state_hash", String(facts.stateHash, radix: 16))
            json.member("chain", facts.chain.map { String($0, radix: 16) })
            json.member("running", facts.isRunning)
            json.member("role", facts.isVoter ? "voter" : "learner")
            json.member("leader", facts.leader.map { "\($0)" })
            json.member("superseded_by", facts.supersededBy.map { "\($0)" })
            json.member("obstacle", facts.obstacle)
            json.key("unreadable")
            if let found = facts.unreadable { json.value(found) } else { json.null() }
            json.member("voters", facts.configuration.voters)
            json.member("learners", facts.configuration.learners)
            json.key("opening")
            if let opening = facts.opening {
                json.object { json in
                    json.member("base", opening.base.text)
                    json.member("leader", "\(opening.leader)")
                    json.member("term", opening.term.rawValue)
                    json.member("voters", opening.configuration.voters)
                    json.member("learners", opening.configuration.learners)
                }
            } else {
                json.null()
            }
            json.key("uncommitted")
            json.array { json in
                for entry in facts.tail { json.value(entry) }
            }
            json.member("branches", list: facts.branches)
            json.member("base", facts.base)
            json.key("terms")
            json.array { json in
                for run in facts.runs {
                    json.object { json in
                        json.member("first", run.first.rawValue)
                        json.member("term", run.term.rawValue)
                    }
                }
            }
            json.member("buckets", facts.holdings.buckets)
            json.member("settings", facts.holdings.settings)
            json.member("nodes", facts.holdings.nodes)
            json.member("names_left_out", facts.holdings.isPartial)
        }
    }

    mutating func value(_ entry: RecoveryFacts.TailEntry) {
        object { json in
            json.member("index", entry.mark.index.rawValue)
            json.member("term", entry.mark.term.rawValue)
            json.member("time_ns", String(entry.time))
            json.member("actor", entry.actor)
            json.member("action", entry.action)
            json.member("subject", entry.subject)
        }
    }

    mutating func member(_ key: String, _ mark: LogMark) {
        self.key(key)
        object { json in
            json.member("term", mark.term.rawValue)
            json.member("index", mark.index.rawValue)
        }
    }

    /// `null` where there is nothing to say.
    mutating func member(_ key: String, _ text: String?) {
        self.key(key)
        if let text { value(text) } else { null() }
    }

    mutating func member(_ key: String, _ members: [MemberID]) {
        member(key, list: members.map { "\($0)" })
    }

    mutating func member(_ key: String, list: [String]) {
        self.key(key)
        array { json in for text in list { json.value(text) } }
    }

    private mutating func member(_ key: String, _ names: [String: String]) {
        self.key(key)
        object { json in
            for (name, value) in names.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
        }
    }
}

/// Reads the members of one object, and says which one is not what it must be.
struct FactsReader {
    private let object: JSONObject
    private let what: String

    init(_ json: JSONValue, _ what: String) throws(DecodingFailure) {
        guard case .object(let object) = json else {
            throw DecodingFailure("\(what): not a JSON object", at: 0)
        }
        self.object = object
        self.what = what
    }

    private func failure(_ key: String) -> DecodingFailure {
        DecodingFailure("\(what): '\(key)' is missing, or not what it must be", at: 0)
    }

    private func take<Value>(
        _ key: String, _ read: (JSONValue) -> Value?
    ) throws(DecodingFailure) -> Value {
        guard let json = object[key], let value = read(json) else { throw failure(key) }
        return value
    }

    func isNull(_ key: String) throws(DecodingFailure) -> Bool {
        object[key] == nil || object[key] == .null
    }

    func text(_ key: String) throws(DecodingFailure) -> String { try take(key) { $0.string } }
    func flag(_ key: String) throws(DecodingFailure) -> Bool { try take(key) { $0.bool } }
    func number(_ key: String) throws(DecodingFailure) -> UInt64 { try take(key) { $0.unsigned } }

    func hex(_ key: String) throws(DecodingFailure) -> UInt64 {
        try take(key) { $0.string.flatMap { UInt64($0, radix: 16) } }
    }

    func member(_ key: String) throws(DecodingFailure) -> MemberID { MemberID(try hex(key)) }

    func generation(_ key: String) throws(DecodingFailure) -> Generation {
        try take(key) { $0.string.flatMap { Generation(text: $0) } }
    }

    func position(_ key: String) throws(DecodingFailure) -> LogPosition {
        try take(key) { $0.string.flatMap { LogPosition(text: $0) } }
    }

    func inner(_ key: String) throws(DecodingFailure) -> FactsReader {
        try FactsReader(try take(key) { $0 }, "\(what), '\(key)'")
    }

    func configuration() throws(DecodingFailure) -> Configuration {
        let (voters, learners) = (try members("voters"), try members("learners"))
        guard voters.count < 256, learners.count < 256 else { throw failure("voters") }
        return Configuration(voters: voters, learners: learners)
    }

    func mark(_ key: String) throws(DecodingFailure) -> LogMark {
        let reader = try inner(key)
        return LogMark(
            index: Index(try reader.number("index")), term: Term(try reader.number("term")))
    }

    func list(_ key: String) throws(DecodingFailure) -> [JSONValue] {
        try take(key) { json in
            guard case .array(let elements) = json else { return nil }
            return elements
        }
    }

    func texts(_ key: String) throws(DecodingFailure) -> [String] {
        try list(key).map { json throws(DecodingFailure) in
            guard let text = json.string else { throw failure(key) }
            return text
        }
    }

    func members(_ key: String) throws(DecodingFailure) -> [MemberID] {
        try list(key).map { json throws(DecodingFailure) in
            guard let member = json.string.flatMap({ UInt64($0, radix: 16) }) else {
                throw failure(key)
            }
            return MemberID(member)
        }
    }

    func names(_ key: String) throws(DecodingFailure) -> [String: String] {
        let members: [JSONObject.Member] = try take(key) { json in
            guard case .object(let object) = json else { return nil }
            return object.members
        }
        var names: [String: String] = [:]
        for member in members {
            guard let value = member.value.string else { throw failure(key) }
            names[member.key] = value
        }
        return names
    }
}
