/// What an action message asks for, in the spellings of AIStore 3.3 and of its later versions.
package enum Action: String, Sendable, CaseIterable {
    case createBucket = "createlb"
    case destroyBucket = "destroylb"
    case listObjects = "listobj"
    case forgetListing = "invallistobjcache"
    case renameBucket = "renamelb"
    case copyBucket = "copybck"
    case transformBucket = "etlbck"
    case setProperties = "setbprops"
    case resetProperties = "resetbprops"
    case makeCopies = "makencopies"
    case encode = "ecencode"
    case summarize = "summarybck"
    case deleteObjects = "delete"
    case evictObjects = "evictobj"
    case evictBucket = "evictcb"
    case prefetch = "prefetch"
    case renameObject = "renameobj"
    case promote = "promote"
    case setConfig = "setconfig"
    case resetConfig = "resetconfig"
    case shutdown = "shutdown"
    case start = "start"
    case stop = "stop"
    case startMaintenance = "startmaintenance"
    case stopMaintenance = "stopmaintenance"
    case decommission = "decommission"
    /// Several changes at once, Martlet's own.
    case batch = "batch"
    case addMountpath = "add"
    case removeMountpath = "remove"
    case enableMountpath = "enable"
    case disableMountpath = "disable"

    package init?(text: String) {
        switch text {
        case "create-bck": self = .createBucket
        case "destroy-bck": self = .destroyBucket
        case "list": self = .listObjects
        case "move-bck": self = .renameBucket
        case "copy-bck": self = .copyBucket
        case "etl-bck": self = .transformBucket
        case "set-bprops": self = .setProperties
        case "reset-bprops": self = .resetProperties
        case "make-n-copies": self = .makeCopies
        case "ec-encode": self = .encode
        case "summary-bck": self = .summarize
        case "delete-listrange": self = .deleteObjects
        case "evict-listrange": self = .evictObjects
        case "evict-remote-bck": self = .evictBucket
        case "prefetch-listrange": self = .prefetch
        case "rename", "rename-obj": self = .renameObject
        case "set-config": self = .setConfig
        case "reset-config": self = .resetConfig
        case "start-maintenance": self = .startMaintenance
        case "stop-maintenance": self = .stopMaintenance
        case "decommission-node": self = .decommission
        case "shutdown-node": self = .shutdown
        case "attach-mp": self = .addMountpath
        case "detach-mp": self = .removeMountpath
        case "enable-mp": self = .enableMountpath
        case "disable-mp": self = .disableMountpath
        default: self.init(rawValue: text)
        }
    }
}
