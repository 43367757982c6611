import API
import Base
import Cluster
import FoundationEssentials
import HTTP

/// Finds out what targets have cached, and whether a proxy of their cluster answers; before there is a server, or a log.
struct FoundingSurvey {
    let wish: FoundingWish
    let founder: Node

    private struct Answers {
        var witnesses: [FoundingPlan.Witness] = []
        var silent: [FoundingPlan.Silent] = []
        /// Proxies that targets follow, as those say.
        var followed: [FoundingPlan.Silent] = []
    }

    func question() async -> FoundingPlan.Question {
        let loops = EventLoopGroup(loops: 1)
        let client = Client(loops)
        let question = await question(client)
        await client.closeIdle()
        loops.shutDown()
        return question
    }

    private func question(_ client: Client) async -> FoundingPlan.Question {
        var answers = Answers()
        var asked: [Endpoint] = []
        for source in wish.sources {
            if case .path(let path) = source { Self.read(path, &answers) }
            if case .target(let endpoint) = source { asked.append(endpoint) }
        }
        await ask(asked.map { ("", $0) }, client, &answers)
        // What they have cached names the others: nobody has to remember them all.
        let targets = nodes(.target, answers).filter { !asked.contains($0.1) }
        await ask(targets, client, &answers)
        let known = Set(answers.witnesses.map(\.name))
        var question = FoundingPlan.Question(founder: founder)
        question.witnesses = answers.witnesses
        question.silentTargets = answers.silent.filter { !known.contains($0.node) }
        question.taken = wish.taken
        await askProxies(nodes(.proxy, answers), answers, client, &question)
        return question
    }

    /// The nodes of all maps, each address once.
    private func nodes(_ role: NodeRole, _ answers: Answers) -> [(String, Endpoint)] {
        var nodes: [(String, Endpoint)] = []
        for witness in answers.witnesses {
            for node in witness.cached?.state.map.nodes(role) ?? []
            where !nodes.contains(where: { $0.1 == node.endpoint }) {
                nodes.append((node.id.text, node.endpoint))
            }
        }
        return nodes
    }

    // MARK: Disks

    private static func read(_ path: String, _ answers: inout Answers) {
        do {
            answers.witnesses.append(try witness(at: path))
        } catch {
            answers.silent.append(FoundingPlan.Silent(node: "", url: path, reason: "\(error)"))
        }
    }

    /// What is left of a target: its data directory, or a file from it.
    static func witness(at path: String) throws -> FoundingPlan.Witness {
        var isDirectory = false
        let files = FileManager.default
        _ = files.fileExists(atPath: path, isDirectory: &isDirectory)
        let file = isDirectory ? "\(path)/\(CachedStateFile.fileName)" : path
        guard let data = files.contents(atPath: file) else { throw NoCachedState(path: file) }
        let cached = try CachedState(decoding: Array(data))
        var witness = FoundingPlan.Witness(
            name: cached.node, place: path, isRunning: false, clusterID: cached.clusterID,
            cached: cached, problem: cached.leftover)
        witness.isCopy = !isDirectory
        witness.byteCount = data.count
        witness.followed = cached.state.position
        witness.followed.index = 0
        witness.followed.term = 0
        if isDirectory,
            let record = files.contents(atPath: "\(path)/\(ClusterRecord.fileName)"),
            let known = try? ClusterRecord(decoding: Array(record))
        {
            witness.followed = known.position
        }
        return witness
    }

    // MARK: Targets

    private func ask(
        _ targets: [(String, Endpoint)], _ client: Client, _ answers: inout Answers
    ) async {
        await withTaskGroup(of: Answers.self) { tasks in
            for (name, endpoint) in targets {
                tasks.addTask { await Self.ask(name, endpoint, client) }
            }
            for await answer in tasks {
                answers.witnesses += answer.witnesses
                answers.silent += answer.silent
                answers.followed += answer.followed
            }
        }
        answers.witnesses.sort { ($0.name, $0.place) < ($1.name, $1.place) }
    }

    private static func ask(
        _ name: String, _ endpoint: Endpoint, _ client: Client
    ) async -> Answers {
        do {
            let told = try await get(
                "/v1/daemon?what=cached_state", endpoint, client, upTo: Limits.nodeDocumentBytes)
            let document = try CachedStateDocument(decoding: told)
            var witness = FoundingPlan.Witness(
                name: document.node, place: "\(endpoint)", isRunning: true,
                clusterID: document.cluster, followed: document.followed,
                problem: document.problem)
            if document.end != nil {
                let file = try await get(
                    "/v1/daemon?what=cached_state_file", endpoint, client,
                    upTo: Limits.cachedStateBytes)
                let cached = try CachedState(decoding: file)
                witness.cached = cached
                witness.problem = witness.problem ?? cached.leftover
            }
            var answers = Answers(witnesses: [witness])
            if !document.following.isEmpty {
                answers.followed.append(
                    FoundingPlan.Silent(
                        node: "", url: document.following, reason: "\(document.node) follows it"))
            }
            return answers
        } catch {
            let reason = (error as? Failure)?.message ?? "\(error)"
            return Answers(
                silent: [FoundingPlan.Silent(node: name, url: "\(endpoint)", reason: reason)])
        }
    }

    private static func get(
        _ path: String, _ endpoint: Endpoint, _ client: Client, upTo bytesMax: Int
    ) async throws -> [UInt8] {
        let response = try await client.send(
            .get, endpoint, path,
            timeouts: Client.Timeouts(
                connectSeconds: Limits.reachableSeconds,
                responseSeconds: Limits.cachedStateSeconds))
        let body = try await response.collect(upTo: bytesMax)
        guard response.status == .ok else {
            throw Failure(decoding: body)
                ?? Failure(.unknown, "it answered \(response.status.rawValue)")
        }
        return body
    }

    // MARK: Proxies

    private func askProxies(
        _ proxies: [(String, Endpoint)], _ answers: Answers, _ client: Client,
        _ question: inout FoundingPlan.Question
    ) async {
        let clusters = Set(answers.witnesses.map(\.clusterID))
        await withTaskGroup(of: (FoundingPlan.Silent, Bool).self) { tasks in
            for (name, endpoint) in proxies {
                tasks.addTask {
                    let cluster = await FoundingCheck.cluster(of: endpoint, client)
                    let isThere = cluster.map { clusters.contains($0) } ?? false
                    let reason =
                        cluster.map { isThere ? "" : "it is of cluster \($0)" }
                        ?? "no proxy of a cluster answers"
                    return (
                        FoundingPlan.Silent(node: name, url: "\(endpoint)", reason: reason), isThere
                    )
                }
            }
            for await (proxy, isThere) in tasks {
                if isThere {
                    question.livingProxies.append(proxy)
                } else {
                    question.silentProxies.append(proxy)
                }
            }
        }
        // A proxy that cannot be reached from here is not lost when a target hears it.
        for proxy in answers.followed
        where !question.livingProxies.contains(where: { $0.url == proxy.url }) {
            var proxy = proxy
            proxy.node = question.silentProxies.first { $0.url == proxy.url }?.node ?? ""
            question.silentProxies.removeAll { $0.url == proxy.url }
            question.livingProxies.append(proxy)
        }
        question.livingProxies.sort { $0.node < $1.node }
        question.silentProxies.sort { $0.node < $1.node }
    }
}

/// A path without what was looked for.
struct NoCachedState: Error, CustomStringConvertible {
    let path: String
    var description: String { "there is no \(path)" }
}
