internal import Glibc

/// The `Date` header line, made once per second.
struct DateLine {
    private var second = -1
    private var line: [UInt8] = []

    mutating func append(to output: inout OutputBuffer) {
        // The coarse clock is read without a system call and is good to a few milliseconds.
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        if time.tv_sec != second {
            second = time.tv_sec
            line = Array("Date: ".utf8) + HTTPDate.bytes(seconds: second) + Array("\r\n".utf8)
        }
        output.append(line)
    }
}
