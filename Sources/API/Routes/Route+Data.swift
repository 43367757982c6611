import Cluster
import HTTP

extension Route {
    // MARK: Objects

    private static let place = [Parameter.provider, .namespace]

    static let objects: [Route] = [
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

    static let buckets: [Route] = [
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
}
