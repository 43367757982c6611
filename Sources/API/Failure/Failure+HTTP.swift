package import HTTP

extension Failure {
    /// What the HTTP layer found wrong with a request; its own word for it is the cause.
    package init(_ error: RequestError) {
        let code: FailureCode =
            switch error.status {
            case .requestTimeout: .requestTimeout
            case .contentTooLarge: .bodyTooLarge
            case .serviceUnavailable: .overloaded
            case .notImplemented: .notImplemented
            default: .badRequest
            }
        self.init(code, error.message, cause: error.code)
        status = error.status.rawValue
    }

    /// Whatever a handler threw: failures as they are, and anything else as an internal error that says so.
    package init(any error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as RequestError: self.init(error)
        default: self.init(.internalError, "the request failed", cause: "\(error)")
        }
    }

    /// The whole answer of a server.
    package var answer: Answer {
        Answer(
            Status(rawValue: status), contentType: "application/json", body: encoded,
            headers: headers.filter { $0.name != "Content-Type" })
    }
}
