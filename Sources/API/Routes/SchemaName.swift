import Cluster

/// The documents and messages that have a name of their own in the OpenAPI document.
package enum SchemaName: String, CaseIterable, Sendable {
    case failure = "Failure"
    case forecast = "Forecast"
    case survival = "Survival"
    // Metadata.
    case node = "Node"
    case network = "Network"
    case smap = "Smap"
    case bmd = "BMD"
    case bucket = "Bucket"
    case bucketProperties = "BucketProperties"
    case rmd = "RMD"
    case voteBundle = "VoteBundle"
    case config = "Config"
    case clusterConfig = "ClusterConfig"
    case history = "History"
    case difference = "Difference"
    case historyEntry = "HistoryEntry"
    case requestFate = "RequestFate"
    case watch = "Watch"
    case session = "Session"
    case sessions = "Sessions"
    case mountpathEvents = "MountpathEvents"
    case mountpathReport = "MountpathReport"
    case decommissions = "Decommissions"
    case removal = "Removal"
    case removalReport = "RemovalReport"
    case clusterInfo = "ClusterInfo"
    case raft = "Raft"
    case remoteClusters = "RemoteClusters"
    // Forced recovery.
    case recovery = "Recovery"
    case recoveryFacts = "RecoveryFacts"
    case recoveryFiles = "RecoveryFiles"
    case recoveryOverview = "RecoveryOverview"
    case recoveryPlan = "RecoveryPlan"
    case branches = "Branches"
    case keptDirectories = "KeptDirectories"
    case cachedState = "CachedState"
    // What is measured.
    case counters = "Counters"
    case capacity = "Capacity"
    case targetStatistics = "TargetStatistics"
    case clusterStatistics = "ClusterStatistics"
    case systemInformation = "SystemInformation"
    case targetSystemInformation = "TargetSystemInformation"
    case clusterSystemInformation = "ClusterSystemInformation"
    case proxyStatus = "ProxyStatus"
    case targetStatus = "TargetStatus"
    case mountpaths = "Mountpaths"
    case clusterMountpaths = "ClusterMountpaths"
    case disks = "Disks"
    case unanswered = "Unanswered"
    // Jobs.
    case xactions = "Xactions"
    case clusterXactions = "ClusterXactions"
    case xactionQuery = "XactionQuery"
    case xactionStatuses = "XactionStatuses"
    case runningXactions = "RunningXactions"
    // Requests and their answers.
    case joinRequest = "JoinRequest"
    case joinReply = "JoinReply"
    case registered = "Registered"
    case bucketChange = "BucketChange"
    case listRequest = "ListRequest"
    case listReply = "ListReply"
    case options = "Options"
    case optionNames = "OptionNames"
    case nodeQuestion = "NodeQuestion"
    case clusterQuestion = "ClusterQuestion"

    var schema: Schema {
        switch self {
        case .failure: Self.failureSchema
        case .forecast: Self.forecastSchema
        case .survival: Self.survivalSchema
        case .node: Self.nodeSchema
        case .network:
            .members(["node_ip_addr": .text, "daemon_port": .decimal, "direct_url": .text])
        case .smap: Self.mapSchema
        case .bmd:
            .members([
                "version": .decimal, "uuid": .text,
                "providers": .map(.map(.map(.component(.bucketProperties)))),
            ])
        case .bucket: Self.bucketSchema
        case .bucketProperties: Self.propertiesSchema
        case .rmd: Self.rmdSchema
        case .voteBundle:
            .members([
                "smap": .component(.smap), "bucketmd": .component(.bmd),
                "rmd": .component(.rmd), "vote_in_progress": .flag,
            ])
        case .config: Self.configSchema
        case .clusterConfig: Self.clusterConfigSchema
        case .history:
            .members([
                "entries": .array(.component(.historyEntry)), "oldest": .pattern("[0-9]*"),
                "more": .flag, "before": .pattern("[0-9]*"),
            ])
        case .difference: Self.differenceSchema
        case .requestFate:
            .members([
                "request_id": .text,
                "outcome": .words(["applied", "not_applied", "not_yet_known"]),
                "position": .text, "entries": .array(.component(.historyEntry)),
            ])
        case .watch:
            .members([
                "next": .text, "more": .flag, "entries": .array(.component(.historyEntry)),
            ])
        case .session: Self.sessionSchema
        case .sessions:
            .members([
                "sessions": .array(.component(.session)), "sessions_max": .count(),
            ])
        case .historyEntry: Self.historyEntrySchema
        case .mountpathEvents: .members(["targets": .map(.array(Self.noteSchema))])
        case .mountpathReport:
            .members(
                [
                    "daemon_id": Parameter.nodeID,
                    "mountpath": .texts(length: 1...MountpathNote.pathBytesMax),
                    "disk": .texts(length: 0...32), "disabled": .flag,
                ], optional: ["reason": .texts(length: 0...MountpathNote.reasonBytesMax)])
        case .decommissions: Self.decommissionsSchema
        case .removal: Self.removalSchema
        case .removalReport: Self.removalReportSchema
        case .clusterInfo: Self.clusterInfoSchema
        case .raft: Self.raftSchema
        case .recovery: Self.recoverySchema
        case .recoveryPlan: Self.recoveryPlanSchema
        case .recoveryFacts: Self.recoveryFactsSchema
        case .recoveryFiles:
            .choice([.component(.recoveryFacts), .array(.component(.recoveryFacts))])
        case .recoveryOverview: Self.recoveryOverviewSchema
        case .branches: .openObject(["branches": .array(.any)])
        case .keptDirectories: Self.keptSchema
        case .cachedState: Self.cachedStateSchema
        case .remoteClusters: .members([:])
        case .counters: .map(.count())
        case .capacity:
            .map(.members(["used": .decimal, "avail": .decimal, "pct_used": .count(max: 100)]))
        case .targetStatistics:
            .members(["core": .component(.counters), "capacity": .component(.capacity)])
        case .clusterStatistics:
            .members(
                [
                    "proxy": .component(.counters), "target": .map(.component(.targetStatistics)),
                    "proxies": .map(.component(.counters)),
                ], optional: Self.unansweredMember)
        case .systemInformation: .members(Self.systemMembers)
        case .targetSystemInformation: Self.targetSystemSchema
        case .clusterSystemInformation:
            .members(
                [
                    "proxy": .map(.component(.systemInformation)),
                    "target": .map(.component(.targetSystemInformation)),
                ], optional: Self.unansweredMember)
        case .proxyStatus: Self.proxyStatusSchema
        case .targetStatus: Self.targetStatusSchema
        case .mountpaths: .members(["available": .array(.text), "disabled": .array(.text)])
        case .clusterMountpaths:
            .members(
                ["targets": .map(.component(.mountpaths))], optional: Self.unansweredMember)
        case .disks: .map(.members(["RBps": .count(), "WBps": .count(), "Util": .count()]))
        case .unanswered: Self.unansweredSchema
        case .xactions: .array(Self.xactionSchema)
        case .clusterXactions: .map(.nullable(.component(.xactions)))
        case .xactionQuery: Self.xactionQuerySchema
        case .xactionStatuses: .array(Self.xactionStatusSchema)
        case .runningXactions: .array(.text)
        case .joinRequest: Self.joinRequestSchema
        case .registered: Self.registeredSchema
        case .joinReply: .members(["uuid": .text, "position": .text])
        case .bucketChange: Self.bucketChangeSchema
        case .listRequest: Self.listRequestSchema
        case .listReply: Self.listReplySchema
        case .options: Self.optionsSchema
        case .optionNames: Self.optionNamesSchema
        case .nodeQuestion: .words(NodeQuestion.allCases.map(\.rawValue))
        case .clusterQuestion: .words(ClusterQuestion.allCases.map(\.rawValue))
        }
    }

    static let unansweredMember: KeyValuePairs<String, Schema> = [
        "unanswered": .array(.component(.unanswered))
    ]
}
