/// The few facts a closed-loop client needs from a response's head.
struct ResponseHead: Equatable {
    var status = 0
    /// `nil` when the head names no length.
    var contentLength: Int?
    var isChunked = false
    var closes = false
    var location: String?

    /// Reads a head without its final empty line; `nil` when it is not one.
    init?(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        var lines = text.split(separator: "\r\n").makeIterator()
        guard let first = lines.next(), first.hasPrefix("HTTP/1.") else { return nil }
        guard let code = first.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            (100..<600).contains(code)
        else { return nil }
        status = code
        closes = first.hasPrefix("HTTP/1.0")
        while let line = lines.next() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length":
                guard let length = Int(value), length >= 0 else { return nil }
                contentLength = length
            case "transfer-encoding": isChunked = value.lowercased() == "chunked"
            case "connection": closes = value.lowercased() == "close"
            case "location": location = String(value)
            default: break
            }
        }
    }
}
