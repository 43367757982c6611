/// What went wrong, as a word that never changes: clients and scripts branch on it, not on the text.
///
/// The raw value is the wire's `code`. A case may be added; none is renamed or given another meaning.
package enum FailureCode: String, Sendable, CaseIterable {
    // What the client sent.
    case badRequest = "bad_request"
    case badPath = "bad_path"
    case badQuery = "bad_query"
    /// A query parameter that the operation, or the document that is asked for, does not have.
    case unknownParameter = "unknown_parameter"
    case badJSON = "bad_json"
    case badValue = "bad_value"
    case badHeader = "bad_header"
    case badBody = "bad_body"
    case badPosition = "bad_position"
    case badBucketName = "bad_bucket_name"
    case badObjectName = "bad_object_name"
    case badProvider = "bad_provider"
    case badNamespace = "bad_namespace"
    case badNode = "bad_node"
    /// A directory that cannot be a mountpath.
    case badMountpath = "bad_mountpath"
    case badRange = "bad_range"
    case unknownAction = "unknown_action"
    case unknownDocument = "unknown_document"
    case unknownResource = "unknown_resource"
    case methodNotAllowed = "method_not_allowed"
    case bodyTooLarge = "body_too_large"
    case lengthRequired = "length_required"
    case requestTimeout = "request_timeout"
    /// A target was asked for an object directly.
    case notRedirected = "not_redirected"
    case accessDenied = "access_denied"
    case unknownOption = "unknown_option"
    /// An option that exists and is not set, or not to this value, or not here.
    case optionRefused = "option_refused"
    case checksumMismatch = "checksum_mismatch"

    // What there is and is not.
    case bucketNotFound = "bucket_not_found"
    case bucketExists = "bucket_exists"
    case objectNotFound = "object_not_found"
    case nodeNotFound = "node_not_found"
    case xactionNotFound = "xaction_not_found"
    /// A version of a document that is not yet, or not kept any more.
    case versionNotFound = "version_not_found"
    case mountpathNotFound = "mountpath_not_found"
    case mountpathExists = "mountpath_exists"
    case duplicateNode = "duplicate_node"
    case addressTaken = "address_taken"
    case addressUnreachable = "address_unreachable"
    case roleDiffers = "role_differs"
    case isPrimary = "is_primary"
    /// The voting proxies that are left could not decide anything.
    case quorumAtRisk = "quorum_at_risk"
    /// Objects could not be found any more.
    case objectsAtRisk = "objects_at_risk"
    case alreadyFounded = "already_founded"
    case wrongCluster = "wrong_cluster"
    case olderGeneration = "older_generation"
    /// Nothing has to be forced: a majority answers.
    case quorumReachable = "quorum_reachable"
    /// The proxy cannot go on by force, or something would be lost that the request does not accept.
    case recoveryRefused = "recovery_refused"
    /// The logs are not what they were when the plan was made.
    case planChanged = "plan_changed"
    /// Others changed the configuration again and again meanwhile.
    case configChanged = "config_changed"
    /// A document has another version than the request rests on.
    case preconditionFailed = "precondition_failed"
    /// The request is bound to a term of the log that is over, or not begun.
    case termPassed = "term_passed"
    /// Somebody has asked what became of the request, and was told that it never will be made.
    case requestGivenUp = "request_given_up"
    /// The session has ended, or never was; what its requests came to is not known any more.
    case sessionExpired = "session_expired"
    /// The session has let go of what this request came to.
    case sequenceForgotten = "sequence_forgotten"
    /// What was to be watched from there on is not kept any more.
    case historyCompacted = "history_compacted"

    // What cannot be done now.
    case notFounded = "not_founded"
    case starting = "starting"
    case stopping = "stopping"
    case overloaded = "overloaded"
    case noPrimary = "no_primary"
    case noQuorum = "no_quorum"
    case noTargets = "no_targets"
    case changingMembers = "changing_members"
    case primaryUnreachable = "primary_unreachable"
    /// A proxy that is asked about itself.
    case proxyUnreachable = "proxy_unreachable"
    case targetUnreachable = "target_unreachable"
    /// The change may or may not have been made; ask before repeating it.
    case outcomeUnknown = "outcome_unknown"
    /// Of a request about several nodes, what was one change is made, and what follows it is not at all of them;
    /// ``Failure/notDone`` names those.
    case partlyDone = "partly_done"
    case deadlineExceeded = "deadline_exceeded"
    /// A target that did not catch up in time with the map a redirect was computed from.
    case targetBehind = "target_behind"
    /// A redirect names a place in the log that no proxy has come to.
    case positionUnknown = "position_unknown"
    /// A later map says the object lives on another target; ask a proxy again.
    case objectElsewhere = "object_elsewhere"
    /// The object may lie on a target in maintenance.
    case targetInMaintenance = "target_in_maintenance"
    case mountpathUnavailable = "mountpath_unavailable"
    case outOfSpace = "out_of_space"
    /// The proxies that would have to store a change have no room for it.
    case metadataDiskFull = "metadata_disk_full"
    /// The log, or a state that was sent, has something that this proxy's version cannot read.
    case logUnreadable = "log_unreadable"
    case inputOutput = "io_error"
    case internalError = "internal_error"
    case notImplemented = "not_implemented"
    /// A failure of another node whose code this node does not know.
    case unknown = "unknown"

    /// The HTTP status that goes with it.
    package var status: Int {
        switch self {
        case .badRequest, .badPath, .badQuery, .badJSON, .badValue, .badHeader, .badBody,
            .badPosition, .badBucketName, .badObjectName, .badProvider, .badNamespace, .badNode,
            .unknownAction, .unknownDocument, .unknownParameter, .unknownOption, .optionRefused,
            .notRedirected,
            .addressUnreachable, .isPrimary,
            .quorumAtRisk, .objectsAtRisk, .badMountpath, .mountpathExists,
            // Contract §2.1: never 404 or 405.
            .unknownResource, .methodNotAllowed:
            400
        case .accessDenied: 403
        case .bucketNotFound, .objectNotFound, .nodeNotFound, .xactionNotFound, .mountpathNotFound,
            .versionNotFound:
            404
        case .bucketExists, .duplicateNode, .addressTaken, .roleDiffers, .alreadyFounded,
            .wrongCluster,
            .olderGeneration, .configChanged, .quorumReachable, .recoveryRefused, .planChanged,
            .termPassed, .requestGivenUp:
            409
        case .requestTimeout: 408
        case .sessionExpired, .sequenceForgotten, .historyCompacted: 410
        case .lengthRequired: 411
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .badRange: 416
        case .checksumMismatch, .inputOutput, .internalError, .unknown: 500
        case .notImplemented: 501
        case .primaryUnreachable, .proxyUnreachable, .targetUnreachable: 502
        case .notFounded, .starting, .stopping, .overloaded, .noPrimary, .noQuorum, .noTargets,
            .changingMembers, .targetBehind, .positionUnknown, .objectElsewhere,
            .mountpathUnavailable, .logUnreadable,
            .targetInMaintenance:
            503
        case .outcomeUnknown, .partlyDone, .deadlineExceeded: 504
        case .outOfSpace, .metadataDiskFull: 507
        }
    }
}
