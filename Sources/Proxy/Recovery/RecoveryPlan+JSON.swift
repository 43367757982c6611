import API
import Base
import Cluster
import Consensus

extension RecoveryPlan {
    /// The document `what=recovery_plan`, with a newline behind it.
    var encoded: [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.object { json in write(members: &json) }
        json.newline()
        return json.bytes
    }

    func write(members json: inout JSONWriter) {
        json.member("cluster", question.clusterID)
        json.member("generation", "\(generation)")
        json.member("verdict", verdict.rawValue)
        json.member("reason", reasons.joined(separator: "; "))
        json.member("recommended", recommended)
        json.member("candidate", question.candidate ?? recommended)
        json.key("answered")
        json.array { json in
            for facts in question.witnesses { answered(facts, &json) }
        }
        json.key("silent")
        json.array { json in
            for silent in question.silent {
                json.object { json in
                    json.member("node", silent.node)
                    json.member("url", silent.url)
                    json.member("member", "\(silent.member)")
                    json.member("last_heard", silent.since)
                    json.member("reason", silent.reason)
                }
            }
        }
        json.key("quorum")
        json.object { json in
            json.member("voters", list: quorum.voters)
            json.member("needed", quorum.needed)
            json.member("answering", list: quorum.answering)
            json.member("leader", quorum.leader)
            json.member("reachable", quorum.isReachable)
        }
        json.key("candidates")
        json.array { json in
            for candidate in candidates { write(candidate, &json) }
        }
        effects(&json)
        json.member("token", token.isEmpty ? nil : token)
        json.member("next", next)
    }

    /// The voters before and after; as they are when nothing would be done.
    private var voters: Survival.Voters {
        let spare = quorum.answering.count - quorum.needed
        let missing = quorum.voters.filter { !quorum.answering.contains($0) }
        guard refusal == nil, let chosen else {
            return Survival.Voters(
                now: quorum.voters.count, then: quorum.voters.count, survivesNow: max(0, spare),
                survivesThen: max(0, spare), missing: missing, hasMajorityThen: spare >= 0)
        }
        return Survival.Voters(
            now: chosen.facts.configuration.voters.count, then: survivors.count,
            survivesNow: max(0, spare), survivesThen: survivesThen, missing: missing)
    }

    /// The answer to `dry_run=true`: a forecast as every other, and the plan's own members beside it.
    func forecast(activeTargets: Int) -> [UInt8] {
        let survival = Survival(voters: voters, activeTargets: .init(activeTargets))
        var json = JSONWriter(capacity: 4_096)
        json.object { json in
            json.member("dry_run", true)
            json.member("action", ForcedPrimary.action)
            if let refusal { json.member("code", Failure(refusal, self).code.rawValue) }
            json.member("changes", changes)
            json.member("survives", survival.sentences)
            json.key("active_targets")
            json.object { json in
                json.member("now", activeTargets)
                json.member("then", activeTargets)
            }
            write(members: &json)
        }
        json.newline()
        return json.bytes
    }

    private var changes: [String] {
        guard refusal == nil, let chosen else { return [] }
        var changes = [
            "\(chosen.facts.name) goes on from entry \(chosen.facts.last) as a new generation, behind "
                + "\(generation); \(Text.list(survivors.map(\.name).sorted())) vote in it"
        ]
        if !dead.isEmpty { changes.append("\(Text.list(names(dead))) are given up") }
        if !rejoining.isEmpty {
            changes.append(
                "\(Text.list(rejoining.map(\.name).sorted())) set aside what they have, and begin anew"
            )
        }
        return changes
    }

    private func answered(_ facts: RecoveryFacts, _ json: inout JSONWriter) {
        json.object { json in
            json.member("node", facts.name)
            json.member("url", facts.url)
            json.member("running", facts.isRunning)
            json.member("cluster", facts.clusterID)
            json.member("member", "\(facts.member)")
            json.member("generation", "\(facts.generation)")
            json.member("last", facts.last)
            json.member("commit", facts.commit.rawValue)
            json.member("role", facts.isVoter ? "voter" : "learner")
            json.member("superseded_by", facts.supersededBy.map { "\($0)" })
        }
    }

    private func write(_ candidate: Candidate, _ json: inout JSONWriter) {
        json.object { json in
            json.member("node", candidate.facts.name)
            json.member("url", candidate.facts.url)
            json.member("recommended", candidate.facts.name == recommended)
            json.member("generation", "\(candidate.facts.generation)")
            json.member("last", candidate.facts.last)
            json.member("commit", candidate.facts.commit.rawValue)
            json.member("obstacles", list: candidate.obstacles)
            json.key("lacks")
            json.array { json in
                for shortfall in candidate.shortfalls {
                    json.object { json in
                        json.member("of", shortfall.witness)
                        json.member("entries", shortfall.entries)
                        json.value(members: shortfall.lost)
                        if !shortfall.returning.isEmpty {
                            json.key("as_before")
                            json.object { $0.value(members: shortfall.returning) }
                        }
                    }
                }
            }
        }
    }

    /// What it would do.
    private func effects(_ json: inout JSONWriter) {
        json.member("survivors", list: survivors.map(\.name).sorted())
        json.member("declared_dead", list: names(dead))
        json.member("begin_anew", list: rejoining.map(\.name).sorted())
        json.member("logs_not_seen", list: names(unseen))
        json.key("voters")
        json.object { json in voters.write(members: &json) }
        json.key("kept_uncommitted")
        json.array { json in
            for entry in chosen?.facts.tail ?? [] { json.value(entry) }
        }
    }

    func names(_ members: [MemberID]) -> [String] {
        members.map { question.name(of: $0) }.sorted()
    }

    /// The line that does it; or what helps instead.
    var next: String {
        switch refusal {
        case .quorumReachable:
            let heir = question.candidate ?? quorum.answering.first ?? "ID"
            let url = candidates.first { $0.facts.name == heir }?.facts.url ?? "http://PROXY"
            return "curl -X PUT '\(url)/v1/cluster/proxy/\(heir)'"
        case .noCandidate, .unknownCandidate: return "start it, or ask a proxy that reaches it"
        case .unfit:
            return recommended.map { "candidate=\($0)" } ?? "start another proxy of the cluster"
        case .superseded(let generation):
            return "ask a proxy of generation \(generation); this one rejoins by force: "
                + "PUT /v1/daemon/proxy/NEW-PRIMARY?frc=true&can=ITS-URL"
        case nil: break
        }
        guard let facts = chosen?.facts else { return "" }
        return "curl -X PUT '\(facts.url)/v1/daemon/proxy/\(facts.name)?frc=true&can=\(facts.url)"
            + "&token=\(token)\(question.overridesQuorum ? "&override=quorum" : "")'"
    }
}

extension JSONWriter {
    /// What differs, by name.
    mutating func value(members difference: Holdings.Difference) {
        member("buckets", list: difference.buckets)
        member("settings", list: difference.settings)
        member("nodes", list: difference.nodes)
    }
}
