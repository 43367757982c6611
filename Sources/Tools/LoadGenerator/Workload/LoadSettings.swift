/// Everything that shapes a run.
struct LoadSettings: Sendable {
    var workload = Workload.get
    var servers: [ServerAddress] = []
    var bucket = "load"
    var size = 4096
    var concurrency = 16
    var objects = 1000
    /// Whichever of the two is reached first ends the run.
    var duration: Duration? = .seconds(10)
    var count: UInt64?
    var followsRedirects = false
    /// How paths are made: of a cluster, directly at a target, or of any web server.
    var addressing = Addressing.cluster
    var recordPath: String?
    var prefix = "o"
    var isJSON = false
    /// Whether objects to be read are there from an earlier run.
    var isFilled = false

    enum Addressing: Sendable {
        case cluster
        case direct
        case plain
    }

    /// The path of an object's name, which needs no escaping.
    func objectPath(_ name: String) -> String {
        switch addressing {
        case .cluster: "/v1/objects/\(bucket)/\(name)"
        case .direct: "/v1/objects/\(bucket)/\(name)?pid=load&utm=1"
        case .plain: "/\(name)"
        }
    }
}
