import Cluster
import HTTP

extension Route {
    /// Every operation there is.
    package static let all: [Route] =
        objects + buckets + nodes + cluster + remotes + membership + service + internals

    private static let both = NodeRole.allCases
    private static let report = Answer(
        .ok, .json(.component(.forecast)), .empty, for: "done; or what `dry_run` says")
    private static let configReport = Answer(
        .ok, .json(.component(.configReport)), .empty, for: "done; or what `dry_run` says")

    // MARK: Objects

    private static let place = [Parameter.provider, .namespace]

    private static let objects: [Route] = [
        Route(
            .object, .data, [.get], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A20 A21", summary: "Read an object, or bytes of it",
            parameters: place + Parameter.redirected + [
                .position, .header("Range", .pattern("bytes=[0-9]{1,6}-[0-9]{0,6}"), "which bytes"),
            ],
            answers: [
                Answer(.ok, .bytes, .empty, for: "the object"),
                Answer(.partialContent, .bytes, for: "the bytes asked for"),
                Answer(.movedPermanently, .html, for: "a proxy: the target that has the object"),
            ], failures: FailureCode.ofObjects + FailureCode.ofReads + [.badRange]),
        Route(
            .object, .data, [.head], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A19 A25", summary: "Get the properties of an object, or whether it is there",
            parameters: place + Parameter.redirected + [
                .position,
                .query(QueryName.checkCached, Parameter.flagSchema, "only whether it is there"),
            ], answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads),
        Route(
            .object, .data, [.put], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A26 A27 A28", summary: "Store an object",
            parameters: place + Parameter.redirected + [
                .position,
                .unserved(QueryName.appendType, .words(["append", "flush"])),
                .header("checksum.type", .words(["xxhash", "none"]), "of the body"),
                .header("checksum.value", .pattern("[0-9a-f]{16}"), "of the body"),
            ], body: .bytes, answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads),
        Route(
            .objectRemoval, .data, [.delete], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A29 A38",
            summary: "Delete an object", parameters: place + Parameter.redirected + [.position],
            body: .optionalAction, acts: [.unserved(.evictObjects)],
            answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads + FailureCode.ofMessages),
        Route(
            .objectAction, .data, [.post], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A18", summary: "Rename or promote an object",
            parameters: place + Parameter.redirected + [.position], body: .action,
            acts: [.unserved(.renameObject), .unserved(.promote)],
            answers: [Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads + FailureCode.ofMessages),
    ]

    // MARK: Buckets

    private static let bucketFailures =
        FailureCode.ofBuckets + FailureCode.ofReads + FailureCode.ofMessages
    private static let listing: Act = Act(.listObjects, .component(.listRequest))

    private static let buckets: [Route] = [
        Route(
            .buckets, .reads, [.get], "/v1/buckets", at: both, rows: "A22",
            summary: "List the buckets",
            parameters: place + [.consistency],
            answers: [Answer(.ok, .json(.array(.component(.bucket))))], failures: bucketFailures),
        Route(
            .bucketObjects, .reads, [.get], "/v1/buckets/{bucket}", at: both,
            summary:
                "List the objects of a bucket, as later clients do; `*` for the name lists buckets",
            parameters: place, body: .optionalAction, acts: [listing],
            answers: [
                Answer(
                    .ok,
                    .json(.choice([.component(.listReply), .array(.component(.bucket))])))
            ],
            failures: bucketFailures + [
                .noTargets, .targetUnreachable, .mountpathUnavailable, .inputOutput,
            ]),
        Route(
            .bucketProperties, .reads, [.head], "/v1/buckets/{bucket}", at: both,
            rows: "A24", summary: "Get the properties of a bucket, as headers",
            parameters: place + [.consistency],
            answers: [.done], failures: bucketFailures),
        Route(
            .bucketAction, .data, [.post], "/v1/buckets/{bucket}", at: both,
            rows: "A14 A16 A17 A23 A32 A33 A36 A37 A46",
            summary: "Create a bucket, list its objects; a target lists its own objects",
            parameters: place + Parameter.redirected + [.position, .dryRun], body: .action,
            acts: [
                Act(.createBucket, .component(.bucketChange), at: [.proxy]), listing,
                Act(.forgetListing),
                .unserved(.renameBucket), .unserved(.copyBucket), .unserved(.transformBucket),
                .unserved(.makeCopies), .unserved(.encode), .unserved(.summarize),
                .unserved(.prefetch), .unserved(.promote),
            ],
            answers: [
                Answer(
                    .ok,
                    .json(.choice([.component(.listReply), .component(.forecast)])), .empty)
            ],
            failures: bucketFailures + FailureCode.ofChanges + [
                .bucketExists, .noTargets, .notRedirected, .badPosition, .targetBehind,
                .mountpathUnavailable, .inputOutput, .targetInMaintenance,
            ]),
        Route(
            .bucketRemoval, .data, [.delete], "/v1/buckets/{bucket}",
            rows: "A15 A30 A31 A39 A40 A41",
            summary: "Destroy a bucket and all that is in it", parameters: place + [.dryRun],
            body: .action,
            acts: [
                Act(.destroyBucket), .unserved(.deleteObjects), .unserved(.evictObjects),
                .unserved(.evictBucket),
            ], answers: [report], failures: bucketFailures + FailureCode.ofChanges),
        Route(
            .bucketChange, .data, [.patch], "/v1/buckets/{bucket}", rows: "A34 A35",
            summary: "Change the properties of a bucket", parameters: place, body: .action,
            acts: [.unserved(.setProperties), .unserved(.resetProperties)], answers: [],
            failures: bucketFailures + FailureCode.ofChanges),
    ]

    // MARK: One node

    private static let settings: [Act] = [
        Act(.setConfig, .any, needsValue: true, takesName: true),
        Act(.resetConfig, takesName: true),
    ]
    private static let nodeOption = Parameter.query(
        QueryName.node, .texts(length: 1...64), "whose settings; of the cluster's when missing")
    private static let transient = Parameter.query(
        QueryName.transient, Parameter.flagSchema, "for this run of the node only")
    private static let configFailures =
        FailureCode.ofConfig + FailureCode.ofChanges + FailureCode.ofMessages

    private static let nodes: [Route] = [
        Route(
            .daemon, .reads, [.get], "/v1/daemon", at: both,
            rows: "Q1 Q2 Q3 Q4 Q6 Q8 Q10 Q12", summary: "What a node knows and is",
            parameters: [
                .required(QueryName.what, .component(.nodeQuestion), "which document"),
                .consistency, .version, .difference, .waitVersion, .timeout,
                .query("severity", .words(["info", "warning", "error"]), "log: the least"),
                .query("offset", .pattern("[0-9]{1,9}"), "log: what has been read already"),
            ], body: .optionalJSON(.xactionQuery), answers: [],
            failures: FailureCode.ofReads + [
                .unknownDocument, .versionNotFound, .badJSON, .badValue, .badBucketName,
                .xactionNotFound, .inputOutput,
                .unknownAction,
            ]),
        Route(
            .daemonAction, .cluster, [.put], "/v1/daemon", at: both, rows: "A6 A10",
            summary: "Set options of a node, or shut it down",
            parameters: [.dryRun, .force, transient], body: .action,
            acts: settings + [Act(.shutdown, .options(["unregister": .looseFlag]))],
            answers: [
                Answer(
                    .ok,
                    .json(.choice([.component(.forecast), .component(.configReport)])), .empty)
            ],
            failures: configFailures + FailureCode.ofMembership),
        Route(
            .daemonConfig, .cluster, [.put], "/v1/daemon/setconfig",
            "/v1/daemon/set-config", at: both,
            rows: "A7", summary: "Set options of a node, by query",
            parameters: [.each("options", .component(.options), "by name"), .dryRun, transient],
            answers: [configReport], failures: configFailures),
        Route(
            .daemonConfigReset, .cluster, [.put], "/v1/daemon/resetconfig",
            "/v1/daemon/reset-config",
            at: both, summary: "Take options of a node back; all that are set when none is named",
            parameters: [
                .each("options", .component(.optionNames), "by name"), .dryRun, transient,
            ],
            answers: [configReport], failures: configFailures),
        Route(
            .mountpaths, .cluster, [.post, .put, .delete], "/v1/daemon/mountpaths",
            at: [.target],
            rows: "A42 A43 A44 A45", summary: "Add, remove, enable or disable a mountpath",
            parameters: [.dryRun], body: .action,
            acts: [
                .addMountpath, .removeMountpath, .enableMountpath, .disableMountpath,
            ].map { Act($0, .pattern("/.{1,255}"), needsValue: true) },
            answers: [report, Answer(.noContent, .empty, for: "it is so already")],
            failures: FailureCode.ofMessages + [
                .badMountpath, .mountpathNotFound, .mountpathExists, .mountpathUnavailable,
                .inputOutput, .outOfSpace,
            ]),
    ]

    // MARK: The cluster

    private static let nodeChoice: Schema = .members(
        ["sid": .texts(length: 1...64)],
        optional: [
            "skip_rebalance": .looseFlag, "force": .looseFlag, "rm_user_data": .looseFlag,
            "keep_initial_config": .looseFlag, "no_shutdown": .looseFlag,
        ])
    private static let job: Schema = .options([
        "kind": .text, "id": .text, "bck": .any, "buckets": .any, "force": .any,
        "show_active": .any,
    ])

    private static let cluster: [Route] = [
        Route(
            .cluster, .reads, [.get], "/v1/cluster", rows: "Q5 Q7 Q9 Q11 Q13",
            summary: "What the whole cluster knows and is",
            parameters: [
                .required(QueryName.what, .component(.clusterQuestion), "which document"),
                .consistency, .version, .difference, .waitVersion, .timeout,
                .query(
                    QueryName.of, .words(["all", "smap", "bmd", "config"]),
                    "history: of which map"),
                .query(QueryName.before, .pattern("[1-9][0-9]{0,18}"), "history: before an entry"),
                .query(QueryName.limit, .pattern("[1-9][0-9]{0,2}"), "history: so many entries"),
            ], body: .optionalJSON(.xactionQuery), answers: [],
            failures: FailureCode.ofReads + [
                .unknownDocument, .versionNotFound, .badJSON, .badValue, .badBucketName,
                .xactionNotFound, .inputOutput,
                .unknownAction,
            ]),
        Route(
            .clusterAction, .cluster, [.put], "/v1/cluster", rows: "A8 A11 A12 A13",
            summary:
                "Set options of the cluster, shut it down, rebalance it, take nodes out of service",
            parameters: [.dryRun, .force, transient, nodeOption], body: .action,
            acts: settings + [
                Act(.shutdown, .any), Act(.start, job, needsValue: true),
                Act(.stop, job, needsValue: true),
                Act(.startMaintenance, nodeChoice, needsValue: true),
                Act(.stopMaintenance, nodeChoice, needsValue: true),
                Act(.decommission, nodeChoice, needsValue: true),
            ],
            answers: [
                Answer(
                    .ok, .json(.choice([.component(.forecast), .component(.configReport)])),
                    .text, .empty)
            ],
            failures: configFailures + FailureCode.ofMembership + [.xactionNotFound]),
        Route(
            .clusterConfig, .cluster, [.put], "/v1/cluster/setconfig",
            "/v1/cluster/set-config", rows: "A9",
            summary: "Set options of the cluster, by query",
            parameters: [
                .each("options", .component(.options), "by name"), .dryRun, transient, nodeOption,
            ], answers: [configReport], failures: configFailures),
        Route(
            .clusterConfigReset, .cluster, [.put], "/v1/cluster/resetconfig",
            "/v1/cluster/reset-config",
            summary: "Take options of the cluster back; all that are set when none is named",
            parameters: [
                .each("options", .component(.optionNames), "by name"), .dryRun, transient,
                nodeOption,
            ], answers: [configReport], failures: configFailures),
        Route(
            .setPrimary, .cluster, [.put], "/v1/cluster/proxy/{id}", rows: "A4",
            summary: "Make another proxy the primary", parameters: [.dryRun], answers: [report],
            failures: FailureCode.ofChanges + [.badNode]),
    ]

    private static let remotes: [Route] = [
        (Name.attachRemote, "attach"), (.detachRemote, "detach"),
    ]
    .map { name, word in
        Route(
            name, .cluster, [.put], "/v1/cluster/\(word)",
            summary:
                "\(word == "attach" ? "Attach" : "Detach") another cluster (not by this version)",
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
                    .ok, .json(.choice([.component(.forecast), .component(.registered)])), .empty)
            ],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON]),
        Route(
            .unregister, .cluster, [.delete], "/v1/cluster/daemon/{id}", rows: "A1",
            summary: "Unregister a node (it keeps its data, and stays away until it is registered)",
            parameters: [.dryRun, .force], answers: [report],
            failures: FailureCode.ofMembership + FailureCode.ofChanges),
        Route(
            .join, .between, [.post], "/v1/cluster/autoreg", summary: "A node joins, or returns",
            parameters: [.nonElectable], body: .json(.joinRequest),
            answers: [Answer(.ok, .json(.component(.joinReply)))],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON]),
        Route(
            .keepalive, .between, [.post], "/v1/cluster/keepalive",
            summary: "A node says that it is there",
            parameters: [.nonElectable], body: .json(.joinRequest),
            answers: [Answer(.ok, .json(.component(.joinReply)))],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [.badJSON]),
        Route(
            .mountpathNote, .between, [.post], "/v1/cluster/mountpaths",
            summary: "A target says what has become of one of its mountpaths",
            body: .json(.mountpathReport), answers: [.done],
            failures: FailureCode.ofMembership + FailureCode.ofChanges + [
                .badJSON, .badValue, .badBody,
            ]),
    ]

    // MARK: Service

    private static let service: [Route] = [
        Route(
            .health, .reads, [.get, .head], "/v1/health", at: both,
            summary: "Whether the node lives, and whether it can serve",
            parameters: [
                .query(QueryName.readiness, Parameter.flagSchema, "whether it can serve"),
                .query(
                    QueryName.clusterInfo, Parameter.flagSchema,
                    "the versions of the maps, and the primary"),
            ], answers: [Answer(.ok, .json(.component(.clusterInfo)), .empty)],
            failures: [.noPrimary, .noQuorum, .inputOutput, .olderGeneration]),
        Route(
            .help, .reads, [.get], "/v1/help", at: both, summary: "The contract as curl lines",
            answers: [Answer(.ok, .text)]),
        Route(
            .helpRow, .reads, [.get], "/v1/help/{row}", at: both, summary: "One row of it",
            answers: [Answer(.ok, .text)]),
        Route(
            .openAPI, .reads, [.get], "/v1/openapi.json", at: both, summary: "This document",
            answers: [Answer(.ok, .json(.openObject(["openapi": .text])))]),
        Route(
            .metrics, .reads, [.get], "/metrics", at: both, summary: "What Prometheus reads",
            answers: [Answer(.ok, .text)]),
    ]

    private static let internals: [Route] = [
        Route(
            .followLog, .between, [.post], "/v1/log/follow", summary: "A target follows the log",
            body: .bytes, answers: [Answer(.ok, .bytes)],
            failures: FailureCode.ofReads + [.badPosition, .badNode, .badBody]),
        Route(
            .logFollowers, .between, [.post], "/v1/log/followers",
            summary: "A proxy tells the primary how far its followers are", body: .bytes,
            answers: [.done], failures: [.badBody]),
        Route(
            .raftStream, .between, [.post], "/v1/raft/stream",
            summary: "A member of the consensus group writes to another", body: .bytes,
            answers: [Answer(.ok, .bytes)], failures: [.badBody, .badNode, .wrongCluster]),
    ]
}
