import API
import Base
import Cluster
import HTTP

/// Asks proxies how far the states are that they show.
struct PositionSurvey: Sendable {
    let client: Client

    /// What came of it.
    struct Answers: Sendable {
        /// The proxy with the newest state, and where that is.
        var newest: (proxy: Endpoint, position: LogPosition)?
        /// Whether all have answered.
        var isComplete = true
    }

    /// Asks all of them at once; in a very large cluster, the first of them.
    func ask(_ proxies: [Endpoint]) async -> Answers {
        await withTaskGroup(of: (Endpoint, LogPosition?).self) { tasks in
            for proxy in proxies.prefix(TargetLimits.surveyedMax) {
                tasks.addTask { (proxy, await position(of: proxy)) }
            }
            var answers = Answers()
            answers.isComplete = !proxies.isEmpty && proxies.count <= TargetLimits.surveyedMax
            for await (proxy, position) in tasks {
                guard let position else {
                    answers.isComplete = false
                    continue
                }
                if position > answers.newest?.position ?? .zero {
                    answers.newest = (proxy, position)
                }
            }
            return answers
        }
    }

    private func position(of proxy: Endpoint) async -> LogPosition? {
        // The smallest document that says where it was taken from; a majority is not asked for it.
        let response = try? await client.send(
            .get, proxy, "/v1/daemon?what=rmd&\(QueryName.consistency)=stale",
            timeouts: Client.Timeouts(
                connectSeconds: TargetLimits.proxyConnectSeconds,
                responseSeconds: TargetLimits.proxyConnectSeconds))
        guard let response, (try? await response.collect(upTo: Limits.failureBytesMax)) != nil,
            response.status == .ok,
            let text = response.headers[named: HeaderName.position]
        else { return nil }
        return LogPosition(text: text)
    }
}
