extension FailureCode {
    /// What any request may be answered with, whatever it asks for.
    static let anyRequest: [FailureCode] = [
        .badRequest, .badPath, .badQuery, .unknownParameter, .badHeader, .unknownResource,
        .methodNotAllowed,
        .bodyTooLarge, .requestTimeout, .overloaded, .starting, .stopping, .internalError,
        // Of a transfer coding, whatever the operation.
        .notImplemented,
        // What a client has seen (`Martlet-Position`) is not there yet, or was given up.
        .badPosition, .deadlineExceeded, .olderGeneration,
    ]

    /// Statuses of requests that are none: a head that is too long, an expectation nobody meets, another version of HTTP. Their
    /// code is `bad_request`.
    static let transportStatuses = [414, 417, 431, 505]

    /// What reading metadata from the majority may end with.
    static let ofReads: [FailureCode] = [
        .noPrimary, .noQuorum, .notFounded, .olderGeneration, .primaryUnreachable,
        .deadlineExceeded, .metadataDiskFull, .logUnreadable,
    ]

    /// What a change of metadata may end with.
    static let ofChanges: [FailureCode] =
        ofReads + [
            .outcomeUnknown, .changingMembers, .proxyUnreachable, .targetUnreachable,
            .preconditionFailed, .sessionExpired, .sequenceForgotten, .termPassed,
            .requestGivenUp,
        ]

    /// What is wrong with a message.
    static let ofMessages: [FailureCode] = [
        .badJSON, .badValue, .badBody, .unknownAction, .notImplemented,
    ]

    /// What is wrong with a bucket's name, or with the bucket.
    static let ofBuckets: [FailureCode] = [
        .badBucketName, .badProvider, .badNamespace, .bucketNotFound, .accessDenied,
    ]

    /// What an object may meet: at a proxy that redirects, and at the target.
    static let ofObjects: [FailureCode] =
        ofBuckets + [
            .badObjectName, .noTargets, .notRedirected, .badPosition, .targetBehind,
            .positionUnknown,
            .objectElsewhere, .objectNotFound, .targetInMaintenance, .mountpathUnavailable,
            .inputOutput, .outOfSpace, .notImplemented, .checksumMismatch, .lengthRequired,
        ]

    /// What setting options may meet.
    static let ofConfig: [FailureCode] = [
        .unknownOption, .optionRefused, .configChanged, .badNode, .nodeNotFound,
    ]

    /// What going on by force may meet.
    static let ofRecovery: [FailureCode] =
        ofChanges + [
            .quorumReachable, .recoveryRefused, .planChanged, .badNode, .nodeNotFound, .badBody,
            .badJSON, .wrongCluster, .addressUnreachable, .inputOutput,
        ]

    /// What putting nodes on the map, and taking them off, may meet.
    static let ofMembership: [FailureCode] = [
        .badNode, .nodeNotFound, .duplicateNode, .addressTaken, .addressUnreachable, .roleDiffers,
        .isPrimary, .quorumAtRisk, .objectsAtRisk, .wrongCluster,
    ]
}
