import Base
import Testing

/// The last lines of a log, kept in memory.
@Suite struct LogTailTests {
    @Test func `lines are kept with their level, under all subjects`() {
        let log = Logger(node: "n1", subject: "tests", minimum: .warning)
        log.info("not written")
        log.warning("first")
        log.about("other").error("second\nline")
        let all = String(decoding: log.tail.lines(), as: UTF8.self).split(separator: "\n")
        #expect(all.count == 2)
        #expect(all[0].hasSuffix("W n1 tests: first"))
        #expect(all[1].hasSuffix("E n1 other: second line"))
        let errors = String(decoding: log.tail.lines(.error), as: UTF8.self)
        #expect(errors.hasSuffix("second line\n") && !errors.contains("first"))
    }

    @Test func `the oldest lines go first, and offsets still count them`() {
        let log = Logger(node: "n1", subject: "tests", minimum: .error)
        var written = 0
        var number = 0
        while written < 2 * LogTail.bytesMax {
            log.error("line \(number) " + String(repeating: "x", count: 4_000))
            number += 1
            written = number * 4_000
        }
        let kept = log.tail.lines()
        #expect(kept.count <= LogTail.bytesMax && kept.count > LogTail.bytesMax / 2)
        #expect(log.tail.bytes(from: 0) == kept)
        // All that was ever written, then one more line.
        var total = LogTail.bytesMax
        while !log.tail.bytes(from: total).isEmpty { total += log.tail.bytes(from: total).count }
        log.error("the last")
        let rest = String(decoding: log.tail.bytes(from: total), as: UTF8.self)
        #expect(rest.hasSuffix("the last\n") && rest.split(separator: "\n").count == 1)
    }
}
