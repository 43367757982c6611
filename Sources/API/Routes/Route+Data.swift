import Cluster
import HTTP

extension Route {
    // MARK: Objects

    private static let place = Parameter.place
    private static let entityTag = Schema.pattern("\"[0-9a-f]{16}\"")
    private static let conditions: [Parameter] = [
        .header(HeaderName.ifMatch, entityTag, "only when it has this ETag (or one of several)"),
        .header("If-None-Match", entityTag, "only when it has none of these ETags"),
    ]
    private static let unmodified = Answer(
        .notModified, .empty, for: "it has the ETag that If-None-Match names")

    static let objects: [Route] = [
        Route(
            .object, .data, [.get], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A20 A21", summary: "Read an object, or bytes of it",
            parameters: place + Parameter.redirected + conditions + [
                .header("Range", .pattern("bytes=[0-9]{1,6}-[0-9]{0,6}"), "which bytes"),
                .header("If-Range", entityTag, "the bytes of this ETag only, else the whole"),
                // A transformation, a file of an archive, the newest of a backend, a data set of the Web.
                .unserved("uuid", .text), .unserved("etl_name", .text),
                .unserved("etl_args", .text),
                .unserved("archpath", .text), .unserved("archmime", .text),
                .unserved("archregx", .text), .unserved("archmode", .text),
                .unserved("latest-ver"), .unserved("origurl", .text),
            ],
            answers: [
                Answer(.ok, .bytes, .empty, for: "the object"),
                Answer(.partialContent, .bytes, for: "the bytes asked for"),
                Answer(.movedPermanently, .html, for: "a proxy: the target that has the object"),
                unmodified,
            ],
            failures: FailureCode.ofObjects + FailureCode.ofReads + [
                .badRange, .badHeader, .preconditionFailed,
            ]),
        Route(
            .object, .data, [.head], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A19 A25", summary: "Get the properties of an object, or whether it is there",
            parameters: place + Parameter.redirected + conditions + [
                .query(QueryName.checkCached, Parameter.flagSchema, "only whether it is there"),
                .presence, .silent,
            ], answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy"), unmodified],
            failures: FailureCode.ofObjects + FailureCode.ofReads + [
                .badHeader, .preconditionFailed,
            ]),
        Route(
            .object, .data, [.put], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A26 A27 A28", summary: "Store an object",
            parameters: place + Parameter.redirected + [
                .unserved(QueryName.appendType, .words(["append", "flush"])),
                .unserved("handle", .text),
                // The same, and what else later clients ask for with a PUT.
                .unserved("append_type", .words(["append", "flush"])),
                .unserved("append_handle", .text), .unserved("object_to", .text),
                .unserved("skip_vc"),
                .header("checksum.type", .words(["xxhash", "none"]), "of the body"),
                .header("checksum.value", .pattern("[0-9a-f]{16}"), "of the body"),
            ], body: .bytes, answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads),
        Route(
            .objectRemoval, .data, [.delete], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A29 A38",
            summary: "Delete an object", parameters: place + Parameter.redirected,
            body: .optionalAction, acts: [.unserved(.evictObjects)],
            answers: [.done, Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads + FailureCode.ofMessages),
        Route(
            .objectAction, .data, [.post], "/v1/objects/{bucket}/{object}", at: both,
            rows: "A18", summary: "Rename or promote an object",
            parameters: place + Parameter.redirected, body: .action,
            acts: [.unserved(.renameObject), .unserved(.promote)],
            answers: [Answer(.temporaryRedirect, .empty, for: "a proxy")],
            failures: FailureCode.ofObjects + FailureCode.ofReads + FailureCode.ofMessages),
    ]

    // MARK: Buckets

    private static let bucketFailures =
        FailureCode.ofBuckets + FailureCode.ofReads + FailureCode.ofMessages
    private static let listing: Act = Act(.listObjects, .component(.listRequest))
    /// What later clients say about remote buckets, and about where objects are copied to.
    private static let remote: [Parameter] = [
        .unserved("dont_head_remote_bck"), .unserved("dont_add_remote_bck_md"),
        .unserved("bck_to", .text),
    ]

    static let buckets: [Route] = [
        Route(
            .buckets, .reads, reading, "/v1/buckets", at: both, rows: "A22",
            summary: "List the buckets",
            parameters: place + [.consistency, .presence],
            answers: [Answer(.ok, .json(.array(.component(.bucket))))], failures: bucketFailures),
        Route(
            .bucketObjects, .reads, [.get], "/v1/buckets/{bucket}", at: both,
            summary:
                "List the objects of a bucket, as later clients do; `*` for the name lists buckets",
            parameters: place + [.unserved("dont_add_remote_bck_md")], body: .optionalAction,
            acts: [listing],
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
            parameters: place + [
                .consistency, .presence, .silent, .unserved("dont_add_remote_bck_md"),
                .unserved("bsumm_remote", .text),
            ],
            answers: [.done], failures: bucketFailures),
        Route(
            .bucketAction, .data, [.post], "/v1/buckets/{bucket}", at: both,
            rows: "A14 A16 A17 A23 A32 A33 A36 A37 A46",
            summary: "Create a bucket, list its objects; a target lists its own objects",
            parameters: place + Parameter.redirected + remote + [.dryRun], body: .action,
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
            summary: "Destroy a bucket and all that is in it",
            parameters: place + [.dryRun, .unserved("keep_bck_md")],
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
