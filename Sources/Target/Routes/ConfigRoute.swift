import API
import Base
import Cluster
import HTTP

/// `PUT /v1/daemon…` of the configuration (contract §6.4): what is kept goes into the log under this target's id, through
/// a proxy; what is for this run only stays here.
struct ConfigRoute {
    let target: TargetContext
    let exchange: Exchange

    func change(_ request: ConfigRequest) async throws {
        let id = target.node.id
        guard request.node == nil || request.node == id else {
            throw Failure(
                .badQuery, "this is \(id)",
                next: "PUT /v1/cluster/setconfig?…&node=ID at a proxy sets another node's options")
        }
        let facts = Self.facts(of: target)
        let request = try request.narrowed(in: .node(id), over: target.config.values, facts)
        if request.isTransient {
            try exchange.checkIsUnbound()
            // A proxy asks all nodes alike.
            let isAlone = exchange.request.headers[named: HeaderName.callerID] == nil
            let edition = target.config.edition
            let report = try request.applyTransient(
                to: target.config,
                in: exchange.request.headers[named: HeaderName.settingsEdition],
                alone: isAlone ? .target : nil)
            guard let report else {
                return exchange.respond(.ok)
            }
            return respond(report, request, edition)
        }
        if request.isEmpty {
            guard request.isDryRun else {
                return exchange.respond(.ok) {
                    $0.add(named: HeaderName.notice, ConfigRequest.unchanged)
                }
            }
            let plan = try request.plan(
                in: .node(id), of: target.publisher.current.state.config)
            return respond(ConfigReport(plan), request)
        }
        var kept = request
        kept.node = id
        let answer = try await take("/v1/cluster/\(kept.pathAndQuery)")
        if answer.status == .ok, !request.isDryRun { request.prevail(over: target.config) }
        exchange.relay(answer)
    }

    private func respond(
        _ report: ConfigReport, _ request: ConfigRequest, _ edition: UInt64? = nil
    ) {
        var survival = target.survival
        survival.mountpaths = nil
        let body = Forecast(report, request.action, survival).encoded
        exchange.respond(.ok, type: "application/json", body: body) { writer in
            if let edition {
                writer.add(named: HeaderName.settingsEdition, String(edition))
            }
        }
    }

    /// Takes the change to a proxy, and waits until it is in effect here.
    private func take(_ path: String) async throws(Failure) -> Answer {
        let headers = exchange.request.headers
        let answer = try await target.proxies.sendOnce(
            .put, path, for: exchange.remoteAddress,
            requestID: exchange.requestID, term: headers[named: HeaderName.term],
            // The proxy waits for the primary as long, and says so itself.
            seconds: target.config.values.seconds("client.client_timeout")
                + TargetLimits.proxyConnectSeconds)
        if let text = answer[HeaderName.position], let position = LogPosition(text: text) {
            _ = await target.publisher.state(
                notBefore: position,
                within: target.config.values.seconds("timeout.cplane_operation"),
                on: exchange.loop)
        }
        return answer
    }

    /// `what=config`: every option with the value this target acts on.
    static func document(of target: TargetContext) -> [UInt8] {
        ConfigDocument.encoded(target.config.current, facts(of: target))
    }

    private static func facts(of target: TargetContext) -> ConfigDocument.Facts {
        var facts = target.facts
        let map = target.publisher.current.state.map
        facts.values["proxy.primary_url"] = map.primary.flatMap { map[$0] }?.address.url ?? ""
        return facts
    }
}

extension ConfigDocument.Facts {
    init(_ settings: TargetSettings, port: Int) {
        self.init()
        values = [
            "confdir": settings.dataPath, "net.ipv4": settings.host, "net.l4.port": String(port),
            "proxy.original_url": settings.joins.first?.description ?? "",
        ]
        mountpaths = settings.mountpaths
    }
}

extension Exchange {
    /// Names a request on all nodes: by its client's word (``checkHeaders(of:)``), or anew.
    var requestID: String {
        let name = request.headers[named: HeaderName.requestID] ?? ""
        return name.isEmpty ? SystemRandom.identifier(length: 16) : name
    }
}
