/// The names of headers (contract §3.5). Matching is without regard to case.
package enum HeaderName {
    /// The proxy that has forwarded a request; one that bears it is not forwarded again, but for a detour.
    package static let forwardedBy = "Martlet-Forwarded-By"
    /// Beside it: the sender does not reach the primary, and asks for the request to be sent on to it.
    package static let detour = "Martlet-Detour"
    /// Names a request across nodes and retries; made by the first proxy when the client sends none.
    package static let requestID = "Martlet-Request-Id"
    /// A position: the request is to be taken in the term of it, or not at all.
    package static let term = "Martlet-Term"
    /// The client's address, told by the forwarding proxy.
    package static let clientAddress = "Martlet-Client-Address"
    /// The nodes whose answer is missing in a document of the whole cluster.
    package static let unanswered = "Martlet-Unanswered"
    /// The id of the session that a change belongs to, and the client's number for it there.
    package static let session = "Martlet-Session"
    package static let sequence = "Martlet-Sequence"
    /// The versions that a change rests on.
    package static let ifMatch = "If-Match"
    /// The version of a document.
    package static let entityTag = "ETag"
    /// Of a read that need not be the newest: milliseconds since this proxy last knew what the majority has.
    package static let age = "Martlet-Age-Ms"
    /// The id of the calling node.
    package static let callerID = "caller.id"
    /// The id of the node that a request is to be sent on to, in both of AIStore's spellings, and its URL.
    package static let nodeID = "node.id"
    package static let laterNodeID = "Ais-Node-Id"
    package static let nodeURL = "node.url"
    /// Where the log stood in the state that the answer was made from, or that the change led to.
    package static let position = "Martlet-Position"
    /// How often the settings of a node had changed when it said what a change of them would do; with the change, that it is made
    /// only while that is so (between nodes).
    package static let settingsEdition = "Martlet-Settings-Edition"
    /// What a reply whose body is AIStore's has to say besides.
    package static let notice = "Martlet-Notice"
    /// Of a change of who takes part: which failures of proxies are survived by as many as there are now.
    package static let survives = "Martlet-Survives"

    /// A header of objects in both of AIStore's spellings: dots (3.3), and dashes behind `Ais-` (5.0).
    package enum Object: String, CaseIterable, Sendable {
        case checksumType = "checksum.type"
        case checksumValue = "checksum.value"
        case version = "version"
        case accessTime = "atime"
        case customMetadata = "custom_md"
        case size = "size"
        case name = "name"
        case copies = "copies"
        case isPresent = "present"
        case bucketName = "bucket.name"
        case bucketProvider = "bucket.provider"
        case namespaceUUID = "bucket.namespace.uuid"
        case namespaceName = "bucket.namespace.name"

        package var dotted: String { rawValue }

        package var dashed: String {
            switch self {
            case .checksumType: "Ais-Checksum-Type"
            case .checksumValue: "Ais-Checksum-Value"
            case .version: "Ais-Version"
            case .accessTime: "Ais-Atime"
            case .customMetadata: "Ais-Custom-Md"
            case .size: "Ais-Size"
            case .name: "Ais-Name"
            case .copies: "Ais-Copies"
            case .isPresent: "Ais-Present"
            case .bucketName: "Ais-Bucket-Name"
            case .bucketProvider: "Ais-Bucket-Provider"
            case .namespaceUUID: "Ais-Bucket-Namespace-Uuid"
            case .namespaceName: "Ais-Bucket-Namespace-Name"
            }
        }
    }
}
