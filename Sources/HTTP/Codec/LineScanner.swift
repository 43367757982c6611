internal import Glibc

/// Finds the lines of a head as its bytes arrive, looking at every byte once.
struct LineScanner: Sendable {
    /// Where the line that is not complete yet begins.
    private(set) var lineStart = 0
    private var scanned = 0

    /// The next complete line, without its CR LF.
    ///
    /// A line feed without a carriage return is refused, and a carriage return within a line is found by whoever
    /// reads the line: it is in no token, target or value (RFC 9112 §2.2).
    mutating func next(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(RequestError) -> (start: Int, end: Int)? {
        guard scanned < count, let found = memchr(base + scanned, 0x0A, count - scanned) else {
            scanned = count
            return nil
        }
        let feed = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
        guard feed > lineStart, base[feed - 1] == 0x0D else { throw .badLineEnd }
        let line = (start: lineStart, end: feed - 1)
        lineStart = feed + 1
        scanned = lineStart
        return line
    }
}
