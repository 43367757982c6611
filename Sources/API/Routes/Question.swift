import Base
package import Cluster

/// A document of `GET /v1/daemon?what=…`: what a node says of itself and of the cluster (contract §6.1, §8 to §10).
package enum NodeQuestion: String, CaseIterable, Sendable {
    case smap, bmd, snode, smapvote, config
    case clusterConfig = "cluster_config"
    case rmd, stats, status, sysinfo, mountpaths, disk
    case xactions = "qryxstats"
    case remote, log, raft
    // Of forced recoveries: this proxy's log, what logs it has set aside, what a target has without a bucket.
    case recovery, branches, kept
    // What a target removes before it leaves for good, and how far it is.
    case decommission
    // What a target has cached of the state, for the day on which every proxy is lost.
    case cachedState = "cached_state"
    case cachedStateFile = "cached_state_file"

    /// Also by the names of AIStore's documents and of its later versions.
    package init?(text: String) {
        switch text {
        case "bucketmd": self = .bmd
        case "node_stats": self = .stats
        case "node_status": self = .status
        case "xaction": self = .xactions
        default: self.init(rawValue: text)
        }
    }

    package var roles: [NodeRole] {
        switch self {
        case .mountpaths, .disk, .xactions, .kept, .decommission, .cachedState, .cachedStateFile:
            [.target]
        case .clusterConfig, .rmd, .raft, .recovery, .branches: [.proxy]
        case .smap, .bmd, .snode, .smapvote, .config, .stats, .status, .sysinfo, .remote, .log:
            NodeRole.allCases
        }
    }

    /// Rows of the contract.
    package var rows: [String] {
        switch self {
        case .smap: ["Q1"]
        case .config: ["Q2"]
        case .snode: ["Q3"]
        case .status: ["Q4"]
        case .stats: ["Q6"]
        case .sysinfo: ["Q8"]
        case .mountpaths: ["Q10"]
        case .bmd: ["Q12"]
        default: []
        }
    }

    /// What a query may say besides `what=`; anything else is refused by name.
    var parameters: [Parameter] {
        switch self {
        case .smap, .bmd, .config, .clusterConfig:
            [.consistency, .version, .difference, .waitVersion, .timeout]
        case .rmd, .smapvote: [.consistency]
        case .log: [.severity, .offset, .unserved("all")]
        case .branches: [.branch, .branchPlace]
        case .snode, .stats, .status, .sysinfo, .mountpaths, .disk, .xactions, .remote, .raft,
            .recovery, .kept, .decommission, .cachedState, .cachedStateFile:
            []
        }
    }

    /// The document's shape; `nil` for text, and for bytes.
    package func schema(at role: NodeRole) -> SchemaName? {
        switch self {
        case .smap: .smap
        case .bmd: .bmd
        case .snode: .node
        case .smapvote: .voteBundle
        case .config: .config
        case .clusterConfig: .clusterConfig
        case .rmd: .rmd
        case .stats: role == .proxy ? .counters : .targetStatistics
        case .status: role == .proxy ? .proxyStatus : .targetStatus
        case .sysinfo: role == .proxy ? .systemInformation : .targetSystemInformation
        case .mountpaths: .mountpaths
        case .disk: .disks
        case .xactions: .xactions
        case .remote: .remoteClusters
        case .raft: .raft
        case .recovery: .recoveryFacts
        case .branches: .branches
        case .kept: .keptDirectories
        case .decommission: .removal
        case .cachedState: .cachedState
        case .log, .cachedStateFile: nil
        }
    }
}

/// A document of `GET /v1/cluster?what=…` (contract §7.1, §10, §11).
package enum ClusterQuestion: String, CaseIterable, Sendable {
    case smap, bmd, snode, smapvote
    case clusterConfig = "cluster_config"
    case history, watch
    case mountpathEvents = "mountpath_events"
    case targetAddresses = "target_ips"
    case stats, sysinfo, mountpaths
    case xactionStatistics = "qryxstats"
    case xactionStatus = "status"
    case xactionStatuses = "status_all"
    case runningXactions = "running_all"
    case remote
    case decommission
    case recovery
    case recoveryPlan = "recovery_plan"

    package init?(text: String) {
        switch text {
        case "bucketmd": self = .bmd
        case "config": self = .clusterConfig
        case "node_stats": self = .stats
        case "xaction": self = .xactionStatistics
        default: self.init(rawValue: text)
        }
    }

    package var rows: [String] {
        switch self {
        case .stats: ["Q5"]
        case .sysinfo: ["Q7"]
        case .xactionStatistics: ["Q9"]
        case .mountpaths: ["Q11"]
        case .targetAddresses: ["Q13"]
        default: []
        }
    }

    /// What a query may say besides `what=`; anything else is refused by name.
    var parameters: [Parameter] {
        switch self {
        case .smap, .bmd, .clusterConfig:
            [.consistency, .version, .difference, .waitVersion, .timeout]
        case .history:
            [.consistency, .subject, .before, .limit, .inquiry, .since]
        case .watch: [.subject, .watchPlace, .limit, .timeout]
        case .recoveryPlan: [.can, .candidate, .override]
        case .smapvote, .mountpathEvents, .targetAddresses, .stats, .sysinfo, .mountpaths,
            .xactionStatistics, .xactionStatus, .runningXactions, .recovery:
            [.consistency]
        case .xactionStatuses: [.consistency, .askTargets]
        case .decommission: [.consistency, .decommissioned]
        case .snode, .remote: []
        }
    }

    /// The document's shape; `nil` for text.
    package var schema: SchemaName? {
        switch self {
        case .smap: .smap
        case .bmd: .bmd
        case .snode: .node
        case .smapvote: .voteBundle
        case .clusterConfig: .clusterConfig
        case .history: .history
        case .watch: .watch
        case .mountpathEvents: .mountpathEvents
        case .stats: .clusterStatistics
        case .sysinfo: .clusterSystemInformation
        case .mountpaths: .clusterMountpaths
        case .xactionStatistics: .clusterXactions
        case .xactionStatuses: .xactionStatuses
        case .runningXactions: .runningXactions
        case .remote: .remoteClusters
        case .decommission: .decommissions
        case .recovery: .recoveryOverview
        case .recoveryPlan: .recoveryPlan
        // The latter is JSON, sent as text (contract §2.4).
        case .targetAddresses, .xactionStatus: nil
        }
    }
}

extension Query {
    /// What `what=` asks a node for.
    package func nodeQuestion(at role: NodeRole) throws(Failure) -> NodeQuestion {
        let word = try value(QueryName.what) ?? ""
        let served = NodeQuestion.allCases.filter { $0.roles.contains(role) }.map(\.rawValue)
        guard let question = NodeQuestion(text: word) else {
            if ClusterQuestion(text: word) != nil {
                let place = role == .proxy ? "" : " of a proxy"
                throw Failure(
                    .unknownDocument, "no document '\(word)' of a node: it is one of the cluster",
                    next: "GET /v1/cluster?what=\(word)\(place)")
            }
            throw Failure.noDocument(word, "a node", served)
        }
        guard question.roles.contains(role) else {
            let other = role == .proxy ? "target" : "proxy"
            let isOfAll = role == .proxy && ClusterQuestion(text: question.rawValue) != nil
            throw Failure(
                .unknownDocument, "a \(role.text) has no document '\(word)'; a \(other) has",
                next: (isOfAll
                    ? "GET /v1/cluster?what=\(question.rawValue) asks all targets; " : "")
                    + "GET /v1/daemon?what=\(question.rawValue) at a \(other); here what="
                    + served.joined(separator: ", "))
        }
        return question
    }

    /// What `what=` asks the cluster for.
    package func clusterQuestion() throws(Failure) -> ClusterQuestion {
        let word = try value(QueryName.what) ?? ""
        if let question = ClusterQuestion(text: word) { return question }
        if let question = NodeQuestion(text: word) {
            let place =
                question.roles.count > 1 ? "any node" : "a \(question.roles[0].text)"
            throw Failure(
                .unknownDocument, "no document '\(word)' of the cluster: it is one of a node",
                next: "GET /v1/daemon?what=\(word) at \(place)")
        }
        throw Failure.noDocument(
            word, "the cluster", ClusterQuestion.allCases.map(\.rawValue))
    }
}

extension Failure {
    /// Documents of AIStore's later versions that are not served, and why.
    private static let unserved = [
        "backends": "this build serves no cloud backends",
        "metrics": "GET /metrics describes each of them",
        "software_version": "it is AIStore's; 'martlet version' prints that of this build",
        "tls_certificate": "connections are not encrypted in this build",
    ]

    fileprivate static func noDocument(
        _ word: String, _ place: String, _ served: [String]
    ) -> Failure {
        let next = "what=\(served.joined(separator: ", "))"
        if let reason = unserved[word] {
            return Failure(.notImplemented, "what=\(word) is not served: \(reason)", next: next)
        }
        return Failure(
            .unknownDocument,
            word.isEmpty
                ? "no 'what' in the query" : "no document '\(word.excerpt)' of \(place)",
            next: next)
    }
}
