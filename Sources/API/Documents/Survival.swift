import Base

/// Which failures the cluster survives, now and when a change has settled: part of every forecast, and of the replies to
/// changes of who takes part.
package struct Survival: Equatable, Sendable {
    /// The voting proxies now and then.
    package struct Voters: Equatable, Sendable {
        package var now: Int
        package var then: Int
        /// How many more of them may fail before nothing can be changed any more.
        package var survivesNow: Int
        package var survivesThen: Int
        /// Ids of those not heard now.
        package var missing: [String]
        /// Whether a majority of them lives then.
        package var hasMajorityThen: Bool

        package init(
            now: Int, then: Int, survivesNow: Int, survivesThen: Int, missing: [String],
            hasMajorityThen: Bool = true
        ) {
            self.now = now
            self.then = then
            self.survivesNow = survivesNow
            self.survivesThen = survivesThen
            self.missing = missing
            self.hasMajorityThen = hasMajorityThen
        }

        /// One more of them does not answer then, and keeps its vote.
        package mutating func miss(_ id: String) {
            guard !missing.contains(id) else { return }
            hasMajorityThen = hasMajorityThen && survivesThen > 0
            survivesThen = max(0, survivesThen - 1)
        }
    }

    package struct Count: Equatable, Sendable {
        package var now: Int
        package var then: Int

        package init(now: Int, then: Int) {
            self.now = now
            self.then = then
        }

        package init(_ unchanged: Int) {
            self.init(now: unchanged, then: unchanged)
        }
    }

    /// `nil` where a target says it, which does not know them, and does not change them.
    package var voters: Voters?
    package var activeTargets: Count
    /// Those of the one target that a change is about.
    package var mountpaths: Count?

    package init(voters: Voters? = nil, activeTargets: Count, mountpaths: Count? = nil) {
        self.voters = voters
        self.activeTargets = activeTargets
        self.mountpaths = mountpaths
    }

    /// What may fail then, and what comes of it; one sentence for each kind of thing that can.
    package var sentences: [String] {
        sentences(
            ofVoters: voters.map {
                Self.sentence($0.then, $0.survivesThen, $0.hasMajorityThen, $0.missing)
            })
    }

    private func sentences(ofVoters voters: String?) -> [String] {
        [
            voters, mountpaths.map { Self.sentence(mountpaths: $0.then) },
            Self.sentence(targets: activeTargets.then),
        ].compactMap { $0 }
    }

    /// The same of the voting proxies alone, for a header: now, and then where that is another number.
    package var headline: String? {
        guard let voters else { return nil }
        let hasMajority = voters.now - voters.missing.count > voters.now / 2
        let now = Self.sentence(voters.now, voters.survivesNow, hasMajority, voters.missing)
        guard (voters.now, voters.survivesNow) != (voters.then, voters.survivesThen) else {
            return now
        }
        return now + "; \(voters.survivesThen) of \(voters.then) when the group has settled"
    }

    private static func sentence(
        _ voters: Int, _ spare: Int, _ hasMajority: Bool, _ missing: [String]
    ) -> String {
        let absent = missing.isEmpty ? "" : " (\(missing.joined(separator: ", ")) not heard)"
        guard hasMajority else {
            return "nothing can be changed before a majority of \(voters) voting proxies "
                + "answers\(absent)"
        }
        guard spare > 0 else {
            return "no voting proxy of \(voters) may fail\(absent): nothing could be changed any "
                + "more; objects would be served all the same"
        }
        return "\(spare) more of \(voters) voting proxies may fail\(absent), and changes go on"
    }

    private static func sentence(targets: Int) -> String {
        switch targets {
        case 0: "no target takes part: no object can be read or written"
        case 1: "the only target may not fail: no object can be read or written without it"
        default:
            "a target that fails takes its objects out of reach until it is back; "
                + others(targets)
        }
    }

    private static func sentence(mountpaths: Int) -> String {
        switch mountpaths {
        case 0: "no mountpath takes part: this target serves nothing"
        case 1: "the only mountpath may not fail: this target leaves the map with it"
        default:
            "a mountpath that fails takes its objects out of reach until it is back; "
                + others(mountpaths)
        }
    }

    private static func others(_ count: Int) -> String {
        count == 2
            ? "the other one goes on with its own" : "the other \(count - 1) go on with theirs"
    }
}

extension Survival {
    /// The document of a change that is made, with a newline behind it.
    package var encoded: [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in write(membersOfReply: &json) }
        json.newline()
        return json.bytes
    }

    /// Behind a change that is made, what is now is told first: the group may take its time.
    package func write(membersOfReply json: inout JSONWriter) {
        write(sentences(ofVoters: headline), &json)
    }

    package func write(members json: inout JSONWriter) { write(sentences, &json) }

    private func write(_ sentences: [String], _ json: inout JSONWriter) {
        json.member("survives", sentences)
        if let voters {
            json.key("voters")
            json.object { json in voters.write(members: &json) }
        }
        json.member("active_targets", activeTargets)
        if let mountpaths { json.member("mountpaths", mountpaths) }
    }

    init(_ object: JSONObject) throws(DecodingFailure) {
        guard let targets = Count(object["active_targets"]) else {
            throw DecodingFailure("nothing is said of the targets", at: 0)
        }
        activeTargets = targets
        mountpaths = Count(object["mountpaths"])
        voters = Voters(object["voters"])
    }
}

extension Survival.Voters {
    package func write(members json: inout JSONWriter) {
        json.member("now", now)
        json.member("then", then)
        json.member("survives_now", survivesNow)
        json.member("survives_then", survivesThen)
        json.member("missing", missing)
        json.member("majority_then", hasMajorityThen)
    }

    fileprivate init?(_ json: JSONValue?) {
        guard case .object(let object)? = json, let now = object["now"]?.unsigned,
            let then = object["then"]?.unsigned,
            let survivesNow = object["survives_now"]?.unsigned,
            let survivesThen = object["survives_then"]?.unsigned
        else { return nil }
        var missing: [String] = []
        if case .array(let ids)? = object["missing"] { missing = ids.compactMap(\.string) }
        self.init(
            now: Int(clamping: now), then: Int(clamping: then),
            survivesNow: Int(clamping: survivesNow), survivesThen: Int(clamping: survivesThen),
            missing: missing, hasMajorityThen: object["majority_then"] != .bool(false))
    }
}

extension Survival.Count {
    fileprivate init?(_ json: JSONValue?) {
        guard case .object(let object)? = json, let now = object["now"]?.unsigned,
            let then = object["then"]?.unsigned
        else { return nil }
        self.init(now: Int(clamping: now), then: Int(clamping: then))
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, _ count: Survival.Count) {
        self.key(key)
        object { json in
            json.member("now", count.now)
            json.member("then", count.then)
        }
    }
}
