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
    // What only AIStore's later versions have.
    case rescanMountpath = "rescan-mp"
    case checkMountpath = "fshc-mp"
    case rotateLogs = "rotate-logs"
    case resetStatistics = "reset-stats"

    /// What AIStore's later versions, and its documents, say for some of them.
    private static let otherSpellings: [(text: String, action: Action)] = [
        ("create-bck", .createBucket), ("destroy-bck", .destroyBucket), ("list", .listObjects),
        ("move-bck", .renameBucket), ("copy-bck", .copyBucket), ("etl-bck", .transformBucket),
        ("set-bprops", .setProperties), ("reset-bprops", .resetProperties),
        ("make-n-copies", .makeCopies), ("ec-encode", .encode), ("summary-bck", .summarize),
        ("delete-listrange", .deleteObjects), ("evict-listrange", .evictObjects),
        ("evict-remote-bck", .evictBucket), ("prefetch-listrange", .prefetch),
        ("rename", .renameObject), ("rename-obj", .renameObject), ("set-config", .setConfig),
        ("reset-config", .resetConfig), ("start-maintenance", .startMaintenance),
        ("stop-maintenance", .stopMaintenance), ("decommission-node", .decommission),
        ("shutdown-node", .shutdown), ("attach-mp", .addMountpath),
        ("detach-mp", .removeMountpath), ("enable-mp", .enableMountpath),
        ("disable-mp", .disableMountpath),
    ]

    package init?(text: String) {
        if let other = Self.otherSpellings.first(where: { $0.text == text }) {
            self = other.action
        } else {
            self.init(rawValue: text)
        }
    }

    /// Every word for it, AIStore 3.3's first.
    package var spellings: [String] {
        [rawValue] + Self.otherSpellings.filter { $0.action == self }.map(\.text)
    }
}
