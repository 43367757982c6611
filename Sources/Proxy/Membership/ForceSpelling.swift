import API

/// How a request says that it is meant although something is at risk: a refusal names the way of the very request that was sent.
enum ForceSpelling: Sendable {
    /// `?frc=true`
    case query
    /// `"value":{"force":true}`
    case value

    var words: String {
        switch self {
        case .query: "\(QueryName.force)=true in the query"
        case .value: #""force":true in 'value'"#
        }
    }

    /// What helps where the voting proxies that are left would have no majority.
    var quorumHint: String {
        "start them first, or take them off the map; \(words) does it anyway"
    }
}

extension Failure {
    /// The same refusal, for a request that spells force this way.
    func spelled(_ spelling: ForceSpelling) -> Failure {
        guard code == .quorumAtRisk else { return self }
        var failure = self
        failure.next = spelling.quorumHint
        return failure
    }
}

extension Forecast {
    /// The same, for a request that spells force this way.
    func spelled(_ spelling: ForceSpelling) -> Forecast {
        var forecast = self
        forecast.replaceNext(of: .quorumAtRisk, by: spelling.quorumHint)
        return forecast
    }
}
