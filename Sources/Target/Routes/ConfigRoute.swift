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
        if request.isTransient {
            try exchange.checkIsUnbound()
            guard let report = try request.applyTransient(to: target.config) else {
                return exchange.respond(.ok)
            }
            var survival = target.survival
            survival.mountpaths = nil
            return exchange.respond(
                document: Forecast(report, request.action, survival).encoded)
        }
        try request.check(in: .node(id))
        var kept = request
        kept.node = id
        let answer = try await take("/v1/cluster/\(kept.pathAndQuery)")
        if answer.status == .ok, !request.isDryRun, let names = request.resetNames {
            // A reset of a node leaves nothing set at the node.
            do throws(ConfigMistake) {
                try target.config.resetTransient(names)
            } catch {
                throw Failure(error)
            }
        }
        exchange.respond(answer)
    }

    /// Takes the change to a proxy, and waits until it is in effect here.
    private func take(_ path: String) async throws(Failure) -> Answer {
        let headers = exchange.request.headers
        let client = headers[named: HeaderName.clientAddress] ?? exchange.remoteAddress
        let answer = try await target.proxies.sendOnce(
            .put, path, for: client,
            requestID: exchange.requestID, term: headers[named: HeaderName.term],
            // The proxy waits for the primary as long, and says so itself.
            seconds: target.config.values.seconds("client.client_timeout")
                + TargetLimits.proxyConnectSeconds)
        let name = HeaderName.position.lowercased()
        if let text = answer.headers.first(where: { $0.name.lowercased() == name })?.value,
            let position = LogPosition(text: text)
        {
            _ = await target.publisher.state(
                notBefore: position,
                within: target.config.values.seconds("timeout.cplane_operation"),
                on: exchange.loop)
        }
        return answer
    }

    /// `what=config`: every option with the value this target acts on.
    static func document(of target: TargetContext) -> [UInt8] {
        var facts = target.facts
        let map = target.publisher.current.state.map
        facts.values["proxy.primary_url"] = map.primary.flatMap { map[$0] }?.address.url ?? ""
        return ConfigDocument.encoded(target.config.current, facts)
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
        request.headers[named: HeaderName.requestID] ?? SystemRandom.identifier(length: 16)
    }
}
