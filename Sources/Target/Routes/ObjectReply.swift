import API
import Base
import HTTP
import Statistics

/// The answer to a GET of an object that is open: the whole, a range, or why the range cannot be had.
struct ObjectReply {
    let object: OpenObject
    let exchange: Exchange
    let target: TargetContext
    /// When a proxy redirected the request here, by its clock; 0 when that is noted already, or not known.
    var redirected: UInt64 = 0

    /// Answers at once; what the client does not take at once is sent after the handler has returned. Nobody can tell a
    /// small object's one copy from `sendfile`, and a large object is never in this process's memory.
    func respond() {
        let header = exchange.request.headers["range"]
        guard header != nil,
            ReadConditions.permitRange(exchange.request.headers, object.attributes.entityTag)
        else {
            return send(.ok, offset: 0, count: object.size, isPart: false)
        }
        switch ByteRange(header, size: object.size) {
        case .whole: send(.ok, offset: 0, count: object.size, isPart: false)
        case .part(let offset, let count):
            send(.partialContent, offset: offset, count: count, isPart: true)
        case .unsatisfiable: refuse("nothing of the range is within the object")
        case .multiple: refuse("more than one range is not supported")
        case .malformed: refuse("the range does not read as bytes=a-b, bytes=a- or bytes=-n")
        }
    }

    private func send(_ status: Status, offset: Int, count: Int, isPart: Bool) {
        let now = Timestamp.now().nanoseconds
        let before = object.access(at: now)
        if redirected > 0 { target.statistics.redirected(exchange, at: redirected, now: now) }
        exchange.respond(
            status, file: object.file.number, offset: offset, count: count, owner: object.file
        ) { writer in
            writer.add(rendered: object.renderedHeaders)
            ObjectHeaders.add(accessTime: before, to: &writer)
            if isPart { writer.addContentRange(offset: offset, count: count, size: object.size) }
        }
    }

    private func refuse(_ reason: String) {
        target.statistics.count(.rangeError)
        let failure = Failure(
            .badRange,
            "\(reason); object \(object.key.bucket)/\(object.key.name) has \(object.size) bytes")
        var answer = TargetRoutes.answer(failure, exchange.request, exchange, target)
        answer.headers.append((name: "Content-Range", value: "bytes */\(object.size)"))
        exchange.respond(answer)
    }
}
