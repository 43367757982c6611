import Glibc

/// What this process uses.
package struct ProcessUsage: Equatable, Sendable {
    package var cpuNanoseconds: UInt64 = 0
    package var residentBytes: UInt64 = 0
    package var virtualBytes: UInt64 = 0
    package var threads: UInt64 = 0
    package var openDescriptors: UInt64 = 0
    package var maxDescriptors: UInt64 = 0

    package init() {}

    /// Reads it. The descriptors of a busy node are thousands, so this is for a pool.
    package static func read() -> ProcessUsage {
        var usage = ProcessUsage(status: ProcFile.read("/proc/self/status"))
        usage.cpuNanoseconds = cpuNanoseconds
        usage.openDescriptors = descriptors()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            usage.maxDescriptors = UInt64(limit.rlim_cur)
        }
        return usage
    }

    /// What `/proc/self/status` says.
    package init(status text: String) {
        residentBytes = (ProcFile.number("VmRSS", in: text) ?? 0) << 10
        virtualBytes = (ProcFile.number("VmSize", in: text) ?? 0) << 10
        threads = ProcFile.number("Threads", in: text) ?? 0
    }

    /// Time on all cores since the process began; a system call without a file.
    package static var cpuNanoseconds: UInt64 {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
        func nanoseconds(_ time: timeval) -> UInt64 {
            UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1_000
        }
        return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
    }

    private static func descriptors() -> UInt64 {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..`, and the descriptor that reads them.
        return count > 3 ? count - 3 : 0
    }
}

/// What the machine has and how busy it is.
package struct MachineUsage: Equatable, Sendable {
    package var memoryBytes: UInt64 = 0
    package var availableBytes: UInt64 = 0
    /// Runnable tasks, averaged over 1, 5 and 15 minutes.
    package var load = [0.0, 0.0, 0.0]
    package var cores = 0

    package init() {}

    package static func read() -> MachineUsage {
        var usage = MachineUsage(
            memory: ProcFile.read("/proc/meminfo"), load: ProcFile.read("/proc/loadavg"))
        usage.cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        return usage
    }

    /// What `/proc/meminfo` and `/proc/loadavg` say.
    package init(memory: String, load: String) {
        memoryBytes = (ProcFile.number("MemTotal", in: memory) ?? 0) << 10
        availableBytes = (ProcFile.number("MemAvailable", in: memory) ?? 0) << 10
        let words = load.split(separator: " ").prefix(3).compactMap { Double($0) }
        if words.count == 3 { self.load = words }
    }
}
