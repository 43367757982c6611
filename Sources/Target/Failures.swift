import API
import Base
import Cluster
import Glibc
import HTTP

/// Turns this module's errors into the wire's failures; the only file that chooses codes for them.
extension Failure {
    /// No `default`: a new case does not compile until someone chooses its code.
    init(_ error: StoreError, _ attempt: String, _ key: ObjectKey) {
        let object = "\(key.bucket)/\(key.name)"
        switch error {
        case .objectNotFound:
            self.init(
                .objectNotFound, "object \(object) does not exist",
                next:
                    #"POST /v1/buckets/\#(key.bucket.name) {"action":"listobj"} at a proxy lists them"#
            )
        case .notAnObject(let path):
            self.init(
                .objectNotFound, "object \(object) does not exist",
                cause: "\(path) is a file without object attributes")
        case .damaged(let path, let reason):
            self.init(
                .inputOutput, "cannot \(attempt) \(object): its attributes are damaged",
                cause: "\(path): \(reason)")
            isOfMetadata = true
        case .bucketGone: self = .bucketNotFound(key.bucket)
        case .bucketHeldBack: self = .bucketHeldBack(key.bucket)
        case .nameConflict:
            self.init(
                .badObjectName,
                "cannot \(attempt) \(object): other objects' names use this name as a directory,"
                    + " or an object lies where this name needs one")
        case .attributesTooLarge(let bytes):
            self.init(
                .badHeader, "the object's metadata have \(bytes) bytes",
                next: "at most \(TargetLimits.attributesBytesMax) bytes, custom_md included")
        case .checksumMismatch(let given, let computed, let bytes):
            self.init(
                .checksumMismatch,
                "BAD DATA CHECKSUM of \(object): given xxhash[\(given)], computed \(computed)",
                next: "send the object again; nothing was stored")
            bytesMismatched = bytes
        case .mountpathUnavailable(let path):
            self.init(
                .mountpathUnavailable,
                path.isEmpty
                    ? "cannot \(attempt) \(object): this target has no mountpath that takes part"
                    : "cannot \(attempt) \(object): it may lie on mountpath \(path), which takes no part",
                next:
                    "GET /v1/daemon?what=mountpaths lists them; enable the mountpath, or remove it "
                    + "to give up what lies there")
        case .file(let error): self.init(error, "\(attempt) \(object)")
        }
    }

    /// No `default`: a new case does not compile until someone chooses its code.
    init(_ refusal: MountpathRefusal, _ attempt: String) {
        let list = "GET /v1/daemon?what=mountpaths lists them"
        switch refusal {
        case .badPath(let path, let reason):
            self.init(
                .badValue, "cannot \(attempt): '\(path.excerpt)' \(reason)",
                next: "the whole path of a directory")
        case .unknown(let path):
            self.init(.mountpathNotFound, "there is no mountpath \(path.excerpt)", next: list)
        case .exists(let path):
            self.init(.mountpathExists, "mountpath \(path) takes part already", next: list)
        case .isDisabled(let path):
            self.init(
                .mountpathExists, "mountpath \(path) is known, and disabled",
                next: "enable it, or remove it first if another disk lies there")
        case .takesNoPart(let path):
            self.init(
                .mountpathUnavailable, "mountpath \(path) is disabled", next: "enable it first")
        case .claim(let error):
            let code: FailureCode =
                if case .other = error { .mountpathUnavailable } else { .badMountpath }
            self.init(code, "cannot \(attempt)", cause: error.description, next: error.next)
        case .unsettled(let path):
            self.init(
                .mountpathUnavailable,
                "cannot \(attempt): a bucket's directory on \(path) is in no state to be used",
                next: "the target's log names it")
        case .file(let error): self.init(error, attempt)
        }
    }

    init(_ error: FileError, _ attempt: String) {
        if error.number == ENODEV {
            self.init(
                .mountpathUnavailable, "cannot \(attempt): a mountpath is not there",
                cause: error.description, next: "mount the disk again, and enable the mountpath")
            return
        }
        self.init(
            error.isOutOfSpace ? .outOfSpace : .inputOutput, "cannot \(attempt)",
            cause: error.description)
    }

    static func bucketNotFound(_ bucket: Bucket) -> Failure {
        Failure(
            .bucketNotFound, "bucket \(bucket) does not exist",
            next: #"create it at a proxy: POST /v1/buckets/\#(bucket.name) {"action":"createlb"}"#)
    }

    static func bucketHeldBack(_ bucket: Bucket) -> Failure {
        Failure(
            .mountpathUnavailable,
            "bucket \(bucket) exists, and a mountpath of this target is in no state to serve it",
            next: "the target's log names the directory; restart the target when it is mended")
    }

    static func notRedirected(_ what: String) -> Failure {
        Failure(
            .notRedirected, "\(what) is expected to be redirected by a proxy",
            next: "ask a proxy of the cluster; targets are listed by GET /v1/daemon?what=smap")
    }

    static let starting = Failure(
        .starting, "this target does not know its cluster's state yet",
        next: "GET /v1/health?readiness=true says what is missing")

    static func targetBehind(_ wanted: LogPosition, _ present: LogPosition) -> Failure {
        Failure(
            .targetBehind,
            "this target has the map at \(present.text), the redirect was made with \(wanted.text)",
            next: "repeat the request at a proxy")
    }

    static func positionUnknown(_ wanted: LogPosition, _ newest: LogPosition) -> Failure {
        Failure(
            .positionUnknown,
            "no proxy has the map at \(wanted.text), which the redirect names; the newest is at \(newest.text)",
            next: "repeat the request at a proxy, and leave 'at' as it makes it")
    }

    static func olderGeneration(_ wanted: LogPosition, _ state: ClusterState) -> Failure {
        let primary = state.map.primary.flatMap { state.map[$0]?.address.url }
        return Failure(
            .olderGeneration,
            "the redirect was made by generation \(wanted.generationText), which a forced recovery has left "
                + "behind; this target follows generation \(state.position.generationText)",
            next: "repeat the request at a proxy of that generation"
                + (primary.map { ": \($0)" } ?? ""))
    }

    static func elsewhere(_ key: ObjectKey, _ owner: Node) -> Failure {
        Failure(
            .objectElsewhere,
            "object \(key.bucket)/\(key.name) lives on target \(owner.id), says a later map",
            next: "repeat the request at a proxy")
    }

    static func inMaintenance(_ key: ObjectKey, _ target: Node) -> Failure {
        Failure(
            .targetInMaintenance,
            "object \(key.bucket)/\(key.name) is not here; it may lie on target \(target.id), which is "
                + "in maintenance",
            next: #"PUT /v1/cluster {"action":"stopmaintenance",…} at a proxy ends that"#)
    }

    static func noTargets() -> Failure {
        Failure(.noTargets, "the cluster map has no active target")
    }

    static func accessDenied(_ bucket: Bucket, _ what: String) -> Failure {
        Failure(
            .accessDenied, "bucket \(bucket) does not permit \(what)",
            next: "HEAD /v1/buckets/\(bucket.name) shows its access mask")
    }

    static func overloaded(_ what: String) -> Failure {
        Failure(
            .overloaded, "too many \(what) are under way here", next: "repeat it a little later")
    }
}

extension MountpathError {
    /// What helps.
    fileprivate var next: String {
        switch self {
        case .unusable: "name a directory that this target can write to, on a disk that works"
        case .inUse: "end the process that has it, or name another directory"
        case .foreign: "name a directory of this target, or an empty one"
        case .same, .nested, .sameFilesystem:
            "name a directory apart from them, on a disk of its own"
        case .other: "mount the disk that belongs there, and enable the mountpath"
        }
    }
}
