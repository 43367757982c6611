import API
import Base
import Cluster
import Consensus
import HTTP

/// `GET /v1/cluster?what=recovery`: the forced recoveries of this cluster, and how its nodes stand towards the last one.
struct RecoveryOverview: Sendable {
    let survey: RecoverySurvey

    func document(
        _ state: ClusterState, on loop: EventLoop
    ) async throws -> (body: [UInt8], missing: [NodeID]) {
        let own = try await survey.own()
        let fanOut = FanOut(client: survey.client)
        let proxies = state.map.nodes(.proxy).filter { $0.id != survey.node.id }
        async let told = fanOut.ask(
            proxies, "recovery", upTo: Limits.recoveryBodyBytes, on: loop)
        let targets = await fanOut.ask(state.map.nodes(.target), "kept", on: loop)
        let answers = await told
        var known = [own]
        var unread: [(node: Node, failure: Failure)] = []
        for (node, body) in answers.documents {
            do throws(DecodingFailure) {
                known.append(try RecoveryFacts(decoding: body))
            } catch {
                unread.append((node, Failure(.badBody, "\(node.id) did not tell of its log")))
            }
        }
        let missing = answers.unanswered + unread + targets.unanswered
        var json = JSONWriter(capacity: 4_096)
        json.object { json in
            json.member("cluster", own.clusterID)
            json.member("generation", "\(own.generation)")
            json.member("superseded_by", own.supersededBy.map { "\($0)" })
            json.key("recoveries")
            json.array { json in
                for record in Array(state.recoveries.values).reversed() {
                    json.object { $0.value(members: record) }
                }
            }
            json.key("proxies")
            json.array { json in
                for facts in known { write(facts, own.generation, &json) }
            }
            json.key("targets")
            json.array { json in
                for (node, body) in targets.documents {
                    write(node, body, own.generation, &json)
                }
            }
            json.unanswered(missing)
        }
        json.newline()
        return (json.bytes, missing.map(\.node.id))
    }

    private func write(
        _ facts: RecoveryFacts, _ present: Generation, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.member("node", facts.name)
            json.member("url", facts.url)
            json.member("generation", "\(facts.generation)")
            json.member(
                "follows", facts.generation == present && facts.supersededBy == nil)
            json.member("superseded_by", facts.supersededBy.map { "\($0)" })
            json.member("last", facts.last)
            json.member("branches", list: facts.branches)
        }
    }

    /// A target, with the directories that it keeps although no bucket owns them.
    private func write(
        _ node: Node, _ body: [UInt8], _ present: Generation, _ json: inout JSONWriter
    ) {
        guard case .object(let document) = try? JSONValue(parsing: body) else { return }
        let position = document["position"]?.string.flatMap { LogPosition(text: $0) }
        var kept: [String] = []
        if case .array(let directories)? = document["kept"] {
            for case .object(let directory) in directories {
                let (mountpath, path) = (directory["mountpath"]?.string, directory["path"]?.string)
                kept.append("\(mountpath ?? "")/\(path ?? "")")
            }
        }
        json.object { json in
            json.member("node", node.id.text)
            json.member("url", node.address.url)
            json.member("position", position?.text)
            json.member("follows", position.map { Position($0).generation == present } ?? false)
            json.member("kept_directories", list: kept)
        }
    }
}
