import Glibc

/// What this process has used of the machine since it began.
package struct ProcessUsage: Sendable {
    package let cpuSeconds: Double
    /// The most memory it ever held, in bytes.
    package let memoryPeak: Int

    package static var now: ProcessUsage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = [usage.ru_utime, usage.ru_stime].map {
            Double($0.tv_sec) + Double($0.tv_usec) / 1e6
        }
        return ProcessUsage(cpuSeconds: seconds[0] + seconds[1], memoryPeak: usage.ru_maxrss << 10)
    }

    /// For a line of the log.
    package var text: String {
        let hundredths = Int(cpuSeconds * 100)
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s of CPU, "
            + "\(memoryPeak >> 20) MiB at most"
    }
}
