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
            Status(rawValue: status), contentType: Self.contentType.value, body: encoded,
            headers: headers.filter { $0.name != Self.contentType.name })
    }
}

extension Exchange {
    /// Answers as another node has answered a request that was made of this one. The error object in it tells of the request
    /// between nodes; the client finds the one that it has sent, and its own address.
    package func relay(_ answer: Answer) {
        var answer = answer
        if answer.status.rawValue >= 400,
            let body = Failure.retold(
                answer.body, method: request.method.name, path: request.rawPath,
                remoteAddress: remoteAddress)
        {
            answer.body = body
            // Which headers came along is up to whoever asked the other node; an error bears these in any case (contract §2.5).
            let (type, guardian) = (Failure.contentType, Failure.noSniffing)
            answer.contentType = type.value
            if answer[guardian.name] == nil { answer.headers.append(guardian) }
        }
        respond(answer)
    }
}

extension Failure {
    /// An error object about another request; what else is in it, known here or not, stays.
    ///
    /// - Returns: `nil` when the bytes are no error object.
    package static func retold(
        _ body: [UInt8], method: String, path: String, remoteAddress: String
    ) -> [UInt8]? {
        guard Failure(decoding: body) != nil, let json = try? JSONValue(parsing: body),
            case .object(let object) = json
        else { return nil }
        let told = ["method": method, "url_path": path, "remote_addr": remoteAddress]
        var writer = JSONWriter(capacity: body.count + 64)
        writer.object { writer in
            for member in object.members {
                writer.key(member.key)
                writer.value(told[member.key].map { .string($0) } ?? member.value)
            }
        }
        return writer.bytes + [UInt8(ascii: "\n"), UInt8(ascii: "\n")]
    }
}
