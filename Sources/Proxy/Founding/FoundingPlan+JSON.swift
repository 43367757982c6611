import API
import Base
import Cluster

extension FoundingPlan {
    /// The plan as `--plan` prints it, with a newline behind it.
    var encoded: [UInt8] {
        var json = JSONWriter(capacity: 2_048)
        json.object { json in
            json.member("cluster", clusterID)
            json.member("verdict", verdict.rawValue)
            json.member("reason", reasons.joined(separator: "; "))
            json.member("recommended", recommended)
            json.member("taken", chosen?.name)
            json.member("position", chosen?.position.text)
            json.member("state_hash", chosen?.cached.map { Hex.padded($0.state.hash) })
            json.member("begins_generation", counter)
            json.key("founder")
            json.object { json in
                json.member("node", question.founder.id.text)
                json.member("url", question.founder.address.url)
            }
            json.key("candidates")
            json.array { json in for candidate in candidates { write(candidate, &json) } }
            json.key("disagreements")
            json.array { json in
                for difference in disagreements { json.value(describe(difference)) }
            }
            json.key("targets")
            json.object { json in
                let map = chosen?.cached?.state.map
                json.member("on_map", map?.nodes(.target).count ?? 0)
                json.member("seen", candidates.count)
                json.member("not_seen", list: unseen)
                json.key("silent")
                write(question.silentTargets, &json)
            }
            json.key("proxies")
            json.object { json in
                json.member("declared_lost", list: lost.map(\.id.text))
                json.key("answering")
                write(question.livingProxies, &json)
                json.key("silent")
                write(question.silentProxies, &json)
            }
            json.member("token", token.isEmpty ? nil : token)
            json.member("next", next)
        }
        json.newline()
        return json.bytes
    }

    private func write(_ nodes: [Silent], _ json: inout JSONWriter) {
        json.array { json in
            for node in nodes {
                json.object { json in
                    json.member("node", node.node)
                    json.member("url", node.url)
                    json.member("reason", node.reason)
                }
            }
        }
    }

    private func write(_ witness: Witness, _ json: inout JSONWriter) {
        json.object { json in
            json.member("node", witness.name)
            json.member("place", witness.place)
            json.member("running", witness.isRunning)
            json.member("followed", witness.followed.text)
            json.member("position", witness.position.text)
            json.member("problem", witness.problem)
            if let cached = witness.cached {
                json.member("state_hash", Hex.padded(cached.state.hash))
                json.member("snapshot", cached.base.text)
                json.member("entries", cached.points.count - 1)
                json.member("links", cached.links)
                json.member("buckets", cached.state.buckets.buckets.count)
                json.key("has_besides")
                json.object { $0.value(members: lacks(witness)) }
            }
        }
    }
}
