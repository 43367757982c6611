/// A request that cannot be served as it stands on the wire. The client made it; the status says so.
package struct RequestError: Error, Equatable, Sendable {
    package let status: Status
    /// Stable, in snake case; goes into the error body.
    package let code: String
    /// For people: what was wrong.
    package let message: String

    package init(_ status: Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    static let badRequestLine = RequestError(
        .badRequest, "bad_request_line", "the request line is not METHOD TARGET HTTP/1.1")
    static let badLineEnd = RequestError(
        .badRequest, "bad_line_end", "a line of the head does not end in CR LF")
    static let badTarget = RequestError(
        .badRequest, "bad_target", "the request target is neither a path nor an http URL")
    static let badEscape = RequestError(
        .badRequest, "bad_escape", "a % in the path is not followed by two hexadecimal digits")
    static let badVersion = RequestError(
        .versionNotSupported, "bad_version", "only HTTP/1.1 and HTTP/1.0 are spoken here")
    static let badHeaderName = RequestError(
        .badRequest, "bad_header_name", "a header line does not begin with NAME:")
    static let badHeaderValue = RequestError(
        .badRequest, "bad_header_value", "a header value holds a control character")
    static let foldedHeader = RequestError(
        .badRequest, "folded_header", "a header is continued on a second line")
    static let badHost = RequestError(
        .badRequest, "bad_host", "an HTTP/1.1 request has exactly one Host header")
    static let badContentLength = RequestError(
        .badRequest, "bad_content_length", "Content-Length is not one decimal number")
    static let conflictingLengths = RequestError(
        .badRequest, "conflicting_lengths",
        "Content-Length and Transfer-Encoding exclude each other")
    static let unknownTransferCoding = RequestError(
        .notImplemented, "unknown_transfer_coding", "the only transfer coding known is chunked")
    static let unknownExpectation = RequestError(
        .expectationFailed, "unknown_expectation", "the only expectation known is 100-continue")
    static let targetTooLong = RequestError(
        .uriTooLong, "target_too_long", "the request line is longer than this server reads")
    static let headTooLarge = RequestError(
        .headerFieldsTooLarge, "head_too_large", "the head is larger than this server reads")
    static let badChunk = RequestError(
        .badRequest, "bad_chunk", "the chunked body is malformed")
    static let bodyTooLarge = RequestError(
        .contentTooLarge, "body_too_large", "the body is larger than allowed here")
    static let headTimeout = RequestError(
        .requestTimeout, "head_timeout", "the request head did not arrive in time")
    static let bodyTimeout = RequestError(
        .requestTimeout, "body_timeout", "the request body did not arrive in time")
    static let tooManyConnections = RequestError(
        .serviceUnavailable, "too_many_connections", "this server has no connection left")
}
