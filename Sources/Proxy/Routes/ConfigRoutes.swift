import API
import Base
import Cluster
import HTTP

/// The configuration: of this proxy (contract §6.4), of the cluster (§7.7), and the documents that show it (§9).
struct ConfigRoutes: Sendable {
    let service: ConfigService
    /// What is given at the start.
    let facts: ConfigDocument.Facts

    // MARK: Changing

    /// `PUT /v1/cluster…`, through the primary.
    func putCluster(_ exchange: Exchange, _ request: ConfigRequest) async throws {
        if request.isTransient {
            // Nothing of it is in the log.
            let origin = try exchange.unboundOrigin()
            respond(exchange, try await service.spread(request, allFacts, origin.requestID))
        } else {
            respond(exchange, try await service.change(request, allFacts, for: exchange))
        }
    }

    /// `PUT /v1/daemon…`: what is kept goes into the log under this node's id, what is not stays here.
    func putDaemon(_ exchange: Exchange, _ request: ConfigRequest) async throws {
        guard request.node == nil || request.node == service.node.id else {
            throw Failure(
                .badQuery, "this is \(service.node.id)",
                next: "PUT /v1/cluster/setconfig?…&node=ID sets another node's options")
        }
        var request = request
        request.node = service.node.id
        guard !request.isTransient else {
            _ = try exchange.unboundOrigin()
            request = try request.narrowed(
                in: .node(service.node.id), over: service.live.values, allFacts)
            // Another proxy asks all nodes alike.
            let isAlone =
                !exchange.isOfMember || exchange.request.headers[named: HeaderName.callerID] == nil
            let edition = service.live.edition
            let report = try request.applyTransient(
                to: service.live,
                in: exchange.request.headers[named: HeaderName.settingsEdition],
                alone: isAlone ? .proxy : nil)
            let position = service.metadata.published.now.position
            guard let report else { return respond(exchange, .done(position: position)) }
            let body = service.forecast(report, of: request).encoded
            return exchange.respond(.ok, type: "application/json", body: body) { writer in
                writer.add(named: HeaderName.position, position)
                writer.add(named: HeaderName.settingsEdition, String(edition))
            }
        }
        let answer = try await service.change(request, allFacts, for: exchange)
        if !request.isDryRun, answer.isDone { request.prevail(over: service.live) }
        respond(exchange, answer)
    }

    private func respond(_ exchange: Exchange, _ answer: ConfigService.Reply) {
        switch answer {
        case .done(let position):
            exchange.respond(.ok) { $0.add(named: HeaderName.position, position) }
        case .unchanged(let position):
            exchange.respond(.ok) {
                $0.add(named: HeaderName.position, position)
                $0.add(named: HeaderName.notice, ConfigRequest.unchanged)
            }
        case .forecast(let forecast):
            exchange.respond(
                json: forecast.encoded, position: service.metadata.published.now.position)
        case .relayed(let answer): exchange.relay(answer)
        }
    }

    // MARK: Reading

    /// `what=config`: every option with the value this proxy acts on.
    func document(for now: PublishedState.Snapshot) -> [UInt8] {
        document(of: service.live.current, for: now)
    }

    /// What this proxy acts on when the cluster's configuration is that one.
    func acted(on config: ClusterConfig) -> LayeredConfig {
        var layers = service.live.current
        layers.follow(config)
        return layers
    }

    func document(of layers: LayeredConfig, for now: PublishedState.Snapshot) -> [UInt8] {
        ConfigDocument.encoded(layers, facts(with: now))
    }

    private var allFacts: ConfigDocument.Facts { facts(with: service.metadata.published.now) }

    private func facts(with now: PublishedState.Snapshot) -> ConfigDocument.Facts {
        var facts = facts
        facts.values["proxy.primary_url"] = now.primary?.address.url ?? ""
        return facts
    }

    /// `what=cluster_config`: what the log says.
    func clusterDocument(for now: PublishedState.Snapshot) -> [UInt8] {
        ConfigDocument.encoded(now.state.config, clusterID: now.state.map.clusterID)
    }
}

extension ConfigDocument.Facts {
    init(_ settings: ProxySettings) {
        self.init()
        values = [
            "confdir": settings.dataPath, "net.ipv4": settings.listen.host,
            "net.l4.port": String(settings.listen.port),
            "proxy.original_url": settings.seeds.first?.description ?? "",
            "proxy.non_electable": settings.isElectable ? "false" : "true",
        ]
    }
}
