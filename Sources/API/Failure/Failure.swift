/// Why a request was not carried out, as a client sees it: AIStore's error object and a few stable fields.
///
/// Inner layers know nothing of it; each daemon has one file that turns their errors into this.
package struct Failure: Error, Equatable, Sendable {
    package var code: FailureCode
    /// The HTTP status; that of the code unless it was read from another node.
    package var status: Int
    /// For people: what was attempted, on what, and why it failed.
    package var message: String
    /// The error beneath, when there is one.
    package var cause: String?
    /// The node where the failure was born.
    package var node: String?
    /// The version of the cluster map that node had.
    package var mapVersion: UInt64?
    /// The command or request that helps.
    package var next: String?
    package var requestID: String?
    /// Of a request about several nodes: ids of those at which all was done, and of those at which something is left.
    package var done: [String] = []
    package var notDone: [String] = []
    package var method = ""
    package var path = ""
    /// The client's `ip:port`.
    package var remoteAddress = ""
    /// What the resource does understand; sent as the header `Allow`.
    package var allowedMethods: [String] = []

    package init(
        _ code: FailureCode, _ message: String, cause: String? = nil, next: String? = nil
    ) {
        self.code = code
        self.status = code.status
        self.message = message
        self.cause = cause
        self.next = next
    }

    /// The same failure with what only the server's edge knows. Whichever node it was born at, the client finds the request
    /// that it has sent, and its own address.
    package func at(
        method: String, path: String, remoteAddress: String, node: String,
        mapVersion: UInt64? = nil
    ) -> Failure {
        var failure = self
        failure.method = method
        failure.path = path
        failure.remoteAddress = remoteAddress
        failure.node = failure.node ?? node
        failure.mapVersion = failure.mapVersion ?? mapVersion
        return failure
    }

    /// Whether it refuses a copy of a request for having come too late: in another term than it was bound to, or after somebody
    /// was told that it never will be made.
    package var refusesLateCopy: Bool { code == .termPassed || code == .requestGivenUp }

    static let contentType = (name: "Content-Type", value: "application/json")
    static let noSniffing = (name: "X-Content-Type-Options", value: "nosniff")

    /// What the reply carries besides its length.
    package var headers: [(name: String, value: String)] {
        var headers = [Self.contentType, Self.noSniffing]
        if !allowedMethods.isEmpty {
            headers.append((name: "Allow", value: allowedMethods.joined(separator: ", ")))
        }
        return headers
    }
}
