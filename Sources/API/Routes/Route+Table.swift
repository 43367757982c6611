import Cluster
import HTTP

extension Route {
    /// Every operation there is.
    package static let all: [Route] =
        objects + buckets + nodes + cluster + relayed + remotes + membership + service + internals

    static let both = NodeRole.allCases
    /// Whoever answers GET answers HEAD, with all but the body (RFC 9110 §9.3.2).
    static let reading: [Method] = [.get, .head]
    static let report = Answer(
        .ok, .json(.component(.forecast)), .empty, for: "done; or what `dry_run` says")

    // MARK: One node

    private static func settings(_ query: String...) -> [Act] {
        let query = [QueryName.dryRun, QueryName.transient] + query
        return [
            Act(.setConfig, .any, needsValue: true, takesName: true, query: query),
            Act(.resetConfig, takesName: true, query: query),
        ]
    }
    private static let nodeOption = Parameter.query(
        QueryName.node, Parameter.nodeID, "whose settings; of the cluster's when missing")
    private static let transient = Parameter.query(
        QueryName.transient, Parameter.flagSchema, "for this run of the node only")
    private static let configFailures =
        FailureCode.ofConfig + FailureCode.ofChanges + FailureCode.ofMessages

    private static let nodes: [Route] = [
        Route(
            .daemon, .reads, reading, "/v1/daemon", at: both,
            rows: "Q1 Q2 Q3 Q4 Q6 Q8 Q10 Q12", summary: "What a node knows and is",
            parameters: [
                .required(QueryName.what, .component(.nodeQuestion), "which document")
            ], body: .optionalJSON(.xactionQuery), answers: [],
            failures: FailureCode.ofReads + [
                .unknownDocument, .versionNotFound, .badJSON, .badValue, .badBucketName,
                .xactionNotFound, .inputOutput,
                .unknownAction,
            ]),
        Route(
            .daemonAction, .cluster, [.put], "/v1/daemon", at: both, rows: "A6 A10",
            summary: "Set options of a node, shut it down, rotate its log, reset its counters",
            parameters: [.dryRun, .force, transient], body: .action,
            acts: settings() + [
                Act(
                    .shutdown, .options(["unregister": .flag, "force": .flag]),
                    query: [QueryName.dryRun, QueryName.force]),
                Act(.rotateLogs, query: [QueryName.dryRun]),
                Act(.resetStatistics, .flag, query: [QueryName.dryRun]),
            ],
            answers: [report],
            failures: configFailures + FailureCode.ofMembership + [.inputOutput]),
        Route(
            .rejoin, .cluster, [.post], "/v1/daemon", at: [.target],
            summary: "Make a target join its cluster again, now", parameters: [.dryRun],
            answers: [report],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [
                .mountpathUnavailable, .targetBehind, .primaryUnreachable,
            ]),
        Route(
            .daemonConfig, .cluster, [.put], "/v1/daemon/setconfig",
            "/v1/daemon/set-config", at: both,
            rows: "A7", summary: "Set options of a node, by query",
            parameters: [.each("options", .component(.options), "by name"), .dryRun, transient],
            answers: [report], failures: configFailures),
        Route(
            .daemonConfigReset, .cluster, [.put], "/v1/daemon/resetconfig",
            "/v1/daemon/reset-config",
            at: both, summary: "Take options of a node back; all that are set when none is named",
            parameters: [
                .each("options", .component(.optionNames), "by name"), .dryRun, transient,
            ],
            answers: [report], failures: configFailures),
        Route(
            .forcePrimary, .cluster, [.put], "/v1/daemon/proxy/{id}", rows: "A5",
            summary: "Force a primary on what is left of a cluster (`frc=true`)",
            parameters: recoveryParameters, body: .optionalJSON(.recoveryFiles),
            answers: [
                Answer(.ok, .json(.component(.recovery))),
                Answer(.accepted, .json(.component(.recovery)), for: "some are still missing"),
            ], failures: FailureCode.ofRecovery),
        Route(
            .mountpaths, .cluster, [.post, .put, .delete], "/v1/daemon/mountpaths",
            at: [.target],
            rows: "A42 A43 A44 A45",
            summary:
                "Add, remove, enable or disable a mountpath; look at its disk anew, or test it",
            parameters: [
                .dryRun,
                .query(
                    QueryName.noResilver, Parameter.flagSchema,
                    "nothing is resilvered; this version never does"),
                .unserved("mountpath_label", .text),
            ], body: .action,
            acts: [
                .addMountpath, .removeMountpath, .enableMountpath, .disableMountpath,
                .rescanMountpath, .checkMountpath,
            ].map {
                Act(
                    $0, .pattern("/.{0,\(MountpathNote.pathBytesMax - 1)}"), needsValue: true)
            },
            answers: [report, Answer(.noContent, .empty, for: "it is so already")],
            failures: FailureCode.ofMessages + [
                .badMountpath, .mountpathNotFound, .mountpathExists, .mountpathUnavailable,
                .inputOutput, .outOfSpace,
            ]),
    ]

    // MARK: The cluster

    private static let sessionChange = Answer(
        .ok, .json(.choice([.component(.session), .component(.forecast)])),
        for: "the session; or what `dry_run` says")
    private static let serviceFlags: KeyValuePairs<String, Schema> = [
        "skip_rebalance": .flag, "force": .flag, "rm_user_data": .flag,
        "keep_initial_config": .flag, "no_shutdown": .flag,
    ]
    private static let nodeChoice: Schema = .choice([
        .members(["sid": Parameter.nodeID], optional: serviceFlags),
        .members(
            ["sids": .set(Parameter.nodeID, count: 1...NodeChoice.countMax)],
            optional: serviceFlags),
    ])
    private static let batchItem: Schema = .members(
        [
            "action": .words(BatchRequest.actions.flatMap(\.spellings)),
            "name": .texts(length: 1...BucketName.bytesMax),
        ], optional: ["value": .any])
    /// Of a job that is started or stopped; what says nothing to it has to be empty.
    private static let job: Schema = .options([
        "kind": .text, "id": .text, "bck": .nullable(SchemaName.jobBucket),
        "buckets": .nullable(.array(SchemaName.jobBucket)), "force": .nullable(.flag),
        "show_active": .nullable(.flag), "OnlyRunning": .flag, "node": .text, "DaemonID": .text,
        "Timeout": .looseCount, "flags": .looseCount,
    ])

    private static let cluster: [Route] = [
        Route(
            .cluster, .reads, reading, "/v1/cluster", rows: "Q5 Q7 Q9 Q11 Q13",
            summary: "What the whole cluster knows and is",
            parameters: [
                .required(QueryName.what, .component(.clusterQuestion), "which document")
            ], body: .optionalJSON(.xactionQuery), answers: [],
            failures: FailureCode.ofReads + FailureCode.ofRecovery + [
                .historyCompacted,
                .unknownDocument, .versionNotFound, .badJSON, .badValue, .badBucketName,
                .xactionNotFound, .inputOutput,
                .unknownAction,
            ]),
        Route(
            .clusterAction, .cluster, [.put], "/v1/cluster", rows: "A8 A11 A12 A13",
            summary:
                "Set options of the cluster, shut it down, rebalance it, take nodes out of service, "
                + "rotate all logs, reset all counters",
            parameters: [.dryRun, .force, transient, nodeOption], body: .action,
            acts: settings(QueryName.node) + [
                // Of one node and of several as well (`shutdown-node`).
                Act(.shutdown, .any, query: [QueryName.dryRun, QueryName.force]),
                Act(.start, job, needsValue: true, query: [QueryName.dryRun]),
                Act(.stop, job, needsValue: true, query: [QueryName.dryRun]),
                Act(.batch, .array(batchItem), needsValue: true, query: [QueryName.dryRun]),
                Act(.rotateLogs, query: [QueryName.dryRun]),
                Act(.resetStatistics, .flag, query: [QueryName.dryRun]),
            ]
                + [.startMaintenance, .stopMaintenance, .decommission].map {
                    Act(
                        $0, nodeChoice, needsValue: true,
                        query: [QueryName.dryRun, QueryName.force])
                },
            answers: [
                Answer(.ok, .json(.component(.forecast)), .text, .empty)
            ],
            failures: configFailures + FailureCode.ofMembership + FailureCode.ofBuckets
                + [.bucketExists, .xactionNotFound, .partlyDone, .inputOutput]),
        Route(
            .clusterConfig, .cluster, [.put], "/v1/cluster/setconfig",
            "/v1/cluster/set-config", rows: "A9",
            summary: "Set options of the cluster, by query",
            parameters: [
                .each("options", .component(.options), "by name"), .dryRun, transient, nodeOption,
            ], answers: [report], failures: configFailures),
        Route(
            .clusterConfigReset, .cluster, [.put], "/v1/cluster/resetconfig",
            "/v1/cluster/reset-config",
            summary: "Take options of the cluster back; all that are set when none is named",
            parameters: [
                .each("options", .component(.optionNames), "by name"), .dryRun, transient,
                nodeOption,
            ], answers: [report], failures: configFailures),
        Route(
            .setPrimary, .cluster, [.put], "/v1/cluster/proxy/{id}", rows: "A4",
            summary: "Make another proxy the primary; with `frc=true` as below /v1/daemon",
            parameters: recoveryParameters, body: .optionalJSON(.recoveryFiles),
            answers: [
                Answer(
                    .ok, .json(.choice([.component(.forecast), .component(.recovery)])), .empty),
                Answer(.accepted, .json(.component(.recovery)), for: "some are still missing"),
            ], failures: FailureCode.ofRecovery),
        Route(
            .sessions, .data, reading, "/v1/cluster/sessions", summary: "The sessions of clients",
            parameters: [.consistency], answers: [Answer(.ok, .json(.component(.sessions)))],
            failures: FailureCode.ofReads),
        Route(
            .sessions, .data, [.post], "/v1/cluster/sessions",
            summary: "Open a session: changes of it are made once, however often they are sent",
            parameters: [
                .query(
                    QueryName.lifetime,
                    .pattern(
                        "(?:[0-9]{1,18}(?:\\.[0-9]{1,18})?(?:ns|us|ms|s|m|h)){1,6}"),
                    "how long it may be idle, from "
                        + "\(Limits.sessionNanosecondsRange.lowerBound / 1_000_000_000) to "
                        + "\(Limits.sessionNanosecondsRange.upperBound / 1_000_000_000) seconds"),
                .dryRun,
            ], answers: [sessionChange], failures: FailureCode.ofChanges),
        Route(
            .session, .data, reading, "/v1/cluster/sessions/{session}",
            summary: "Look at a session", parameters: [.consistency],
            answers: [Answer(.ok, .json(.component(.session)))], failures: FailureCode.ofChanges),
        Route(
            .session, .data, [.put], "/v1/cluster/sessions/{session}",
            summary: "Keep a session alive", parameters: [.dryRun],
            answers: [sessionChange], failures: FailureCode.ofChanges),
        Route(
            .session, .data, [.delete], "/v1/cluster/sessions/{session}",
            summary: "End a session", parameters: [.dryRun], answers: [report],
            failures: FailureCode.ofChanges),
        Route(
            .clusterInquiry, .reads, [.post], "/v1/cluster",
            summary: "The plan of a forced recovery, with logs that nobody runs",
            parameters: [
                .required(
                    QueryName.what, .words([ClusterQuestion.recoveryPlan.rawValue]),
                    "which document"), .can, .candidate, .override,
            ], body: .optionalJSON(.recoveryFiles),
            answers: [Answer(.ok, .json(.component(.recoveryPlan)))],
            failures: FailureCode.ofRecovery + [.unknownDocument]),
    ]

    // MARK: One node, by way of a proxy

    private static let relayedPaths = [
        "/v1/reverse/daemon", "/v1/reverse/daemon/{element}", "/v1/reverse/daemon/{element}/{id}",
    ]
    /// The node itself says what it takes, and what not.
    private static let relayedParameters: [Parameter] = [
        .header(HeaderName.nodeID, Parameter.nodeID, "the node that is meant"),
        .header(HeaderName.laterNodeID, Parameter.nodeID, "the same, as later clients spell it"),
        .each("query", .map(.text), "what /v1/daemon of that node takes"),
    ]
    private static let relayedFailures =
        configFailures + FailureCode.ofMembership + FailureCode.ofRecovery + [
            .badHeader, .inputOutput, .outOfSpace, .unknownDocument, .versionNotFound,
            .xactionNotFound, .badBucketName, .badMountpath, .mountpathNotFound, .mountpathExists,
            .mountpathUnavailable, .targetBehind, .primaryUnreachable, .notRedirected,
        ]

    private static let relayed: [Route] = [
        Route(
            .relayedRead, .reads, reading, relayedPaths,
            summary: "What /v1/daemon of a node answers, asked by way of a proxy",
            parameters: relayedParameters, answers: [Answer(.ok, .json(.any), .text, .bytes)],
            failures: relayedFailures),
        Route(
            .relayedChange, .cluster, [.put, .post, .delete], relayedPaths,
            summary: "What /v1/daemon of a node does, by way of a proxy",
            parameters: relayedParameters + [.dryRun], body: .bytes,
            answers: [
                Answer(.ok, .json(.any), .text, .empty), Answer(.accepted, .json(.any)),
                Answer(.noContent, .empty, for: "it is so already"),
            ], failures: relayedFailures),
    ]

    private static let recoveryParameters: [Parameter] = [
        .force, .dryRun, .can, .override,
        .query(QueryName.token, .texts(length: 0...128), "names the plan that is carried out"),
    ]

    private static let remotes: [Route] = [
        (Name.attachRemote, "attach"), (.detachRemote, "detach"),
    ]
    .map { name, word in
        Route(
            name, .cluster, [.put], "/v1/cluster/\(word)",
            summary:
                "\(word == "attach" ? "Attach" : "Detach") another cluster (not by this version)",
            parameters: [
                .query(QueryName.what, .words(["remote"]), "what is meant"),
                .each("aliases", .map(.text), "by alias: its URL"),
            ],
            answers: [], failures: [.notImplemented])
    }

    // MARK: Membership

    /// How AIStore 5.0 spells `register`; its answer is a document.
    package static let joinByAdmin = "/v1/cluster/join-by-admin"

    private static let membership: [Route] = [
        Route(
            .register, .cluster, [.post], "/v1/cluster/register", joinByAdmin, at: both,
            rows: "A2 A3",
            summary: "Register a node", parameters: [.dryRun, .nonElectable],
            body: .json(.joinRequest),
            answers: [
                Answer(
                    .ok,
                    .json(
                        .choice([
                            .component(.forecast), .component(.registered),
                            .component(.survival),
                        ])), .empty)
            ],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON]),
        Route(
            .unregister, .cluster, [.delete], "/v1/cluster/daemon/{id}", rows: "A1",
            summary: "Unregister a node (it keeps its data, and stays away until it is registered)",
            parameters: [.dryRun, .force],
            answers: [
                Answer(
                    .ok, .json(.choice([.component(.forecast), .component(.survival)])), .empty)
            ], failures: FailureCode.ofMembership + FailureCode.ofChanges),
        Route(
            .join, .between, [.post], "/v1/cluster/autoreg", summary: "A node joins, or returns",
            parameters: [.dryRun, .nonElectable], body: .json(.joinRequest),
            answers: [
                Answer(.ok, .json(.choice([.component(.joinReply), .component(.forecast)])))
            ],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON, .targetBehind]),
        Route(
            .keepalive, .between, [.post], "/v1/cluster/keepalive", "/v1/cluster/keepalive/{id}",
            summary: "A node says that it is there; one that is named in the path, without a body",
            parameters: [.nonElectable], body: .optionalJSON(.joinRequest),
            answers: [Answer(.ok, .json(.component(.joinReply)))],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON, .targetBehind]),
        Route(
            .adoptGeneration, .between, [.post], "/v1/daemon/recovery",
            summary: "A proxy tells another of the generation it is to take part in",
            body: .json(.recoveryFacts), answers: [.done], failures: FailureCode.ofRecovery),
        Route(
            .mountpathNote, .between, [.post], "/v1/cluster/mountpaths",
            summary: "A target says what has become of one of its mountpaths",
            body: .json(.mountpathReport), answers: [.done],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [
                .badJSON, .badValue, .badBody,
            ]),
        Route(
            .removalReport, .between, [.post], "/v1/cluster/decommission",
            summary: "A target says that it has removed the user data it was told to remove",
            body: .json(.removalReport), answers: [.done],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [
                .badJSON, .badValue, .badBody, .badPosition,
            ]),
    ]

    // MARK: Service

    private static let service: [Route] = [
        Route(
            .health, .reads, reading, "/v1/health", at: both,
            summary: "Whether the node lives, and whether it can serve",
            parameters: [
                .query(QueryName.readiness, Parameter.flagSchema, "whether it can serve"),
                .query(
                    QueryName.clusterInfo, Parameter.flagSchema,
                    "the versions of the maps, and the primary"),
                .unserved("prr"), .unserved("apr"),
            ], answers: [Answer(.ok, .json(.component(.clusterInfo)), .empty)],
            failures: [
                .noPrimary, .noQuorum, .inputOutput, .olderGeneration, .metadataDiskFull,
                .logUnreadable,
            ]),
        Route(
            .help, .reads, reading, "/v1/help", at: both, summary: "The contract as curl lines",
            answers: [Answer(.ok, .text)]),
        Route(
            .helpRow, .reads, reading, "/v1/help/{row}", at: both, summary: "One row of it",
            answers: [Answer(.ok, .text)]),
        Route(
            .openAPI, .reads, reading, "/v1/openapi.json", at: both, summary: "This document",
            answers: [Answer(.ok, .json(.openObject(["openapi": .text])))]),
        Route(
            .metrics, .reads, reading, "/metrics", at: both, summary: "What Prometheus reads",
            answers: [Answer(.ok, .text)]),
    ]

    private static let internals: [Route] = [
        Route(
            .followLog, .between, [.post], "/v1/log/follow", summary: "A target follows the log",
            parameters: [
                .query(QueryName.node, Parameter.nodeID, "the target"),
                .query(QueryName.address, .text, "where it is reached"),
                .query(QueryName.after, .text, "the position of its state"),
            ],
            body: .bytes, answers: [Answer(.ok, .bytes)],
            failures: FailureCode.ofReads + [.badPosition, .badNode, .badBody]),
        Route(
            .logFollowers, .between, [.post], "/v1/log/followers",
            summary: "A proxy tells the primary how far its followers are", body: .bytes,
            answers: [.done], failures: [.badBody, .badNode]),
        Route(
            .followHint, .between, [.put], "/v1/daemon/follow", at: [.target],
            summary: "A proxy that a target does not know says that it is to be followed",
            parameters: [
                .can,
                .query(
                    QueryName.after, .pattern("[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"),
                    "the position of its state"),
            ], answers: [.done], failures: [.badPosition, .badQuery, .olderGeneration]),
        Route(
            .raftStream, .between, [.post], "/v1/raft/stream",
            summary: "A member of the consensus group writes to another", body: .bytes,
            answers: [Answer(.ok, .bytes)], failures: [.badBody, .badNode, .wrongCluster]),
    ]
}
