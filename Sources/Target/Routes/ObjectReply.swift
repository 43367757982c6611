import API
import Base
import HTTP

/// The answer to a GET of an object that is open: the whole, a range, or why the range cannot be had.
struct ObjectReply {
    let object: OpenObject
    let exchange: Exchange

    /// Answers at once; what the client does not take at once is sent after the handler has returned. Nobody can tell a
    /// small object's one copy from `sendfile`, and a large object is never in this process's memory.
    ///
    /// - Returns: the failure to answer with, when the range is of no use.
    @discardableResult
    func respond() -> Failure? {
        let header = exchange.request.headers["range"]
        if header == nil {
            send(.ok, offset: 0, count: object.size, isPart: false)
            return nil
        }
        switch ByteRange(header, size: object.size) {
        case .whole:
            send(.ok, offset: 0, count: object.size, isPart: false)
            return nil
        case .part(let offset, let count):
            send(.partialContent, offset: offset, count: count, isPart: true)
            return nil
        case .unsatisfiable: return refuse("nothing of the range is within the object")
        case .multiple: return refuse("more than one range is not supported")
        case .malformed: return refuse("the range does not read as bytes=a-b, bytes=a- or bytes=-n")
        }
    }

    private func send(_ status: Status, offset: Int, count: Int, isPart: Bool) {
        let before = object.access(at: Timestamp.now().nanoseconds)
        exchange.respond(
            status, file: object.file.number, offset: offset, count: count, owner: object.file
        ) { writer in
            writer.add(rendered: object.renderedHeaders)
            ObjectHeaders.add(accessTime: before, to: &writer)
            if isPart { writer.addContentRange(offset: offset, count: count, size: object.size) }
        }
    }

    private func refuse(_ reason: String) -> Failure {
        Failure(
            .badRange,
            "\(reason); object \(object.key.bucket)/\(object.key.name) has"
                + " \(object.size) bytes")
    }
}
