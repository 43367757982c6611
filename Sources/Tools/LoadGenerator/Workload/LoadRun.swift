import FoundationEssentials
import Synchronization

/// A whole run: makes the bucket, fills it where reads need objects, then measures.
enum LoadRun {
    static func measure(_ settings: LoadSettings) throws(LoadError) -> LoadReport {
        var record: AcknowledgedRecord?
        if let path = settings.recordPath {
            record = AcknowledgedRecord(appendingTo: path)
            if record == nil { throw .record(path) }
        }
        if settings.addressing == .cluster,
            settings.workload.isOfObjects || settings.workload == .bucketHead
        {
            try makeBucket(settings, record: record)
        }
        let content = Content(size: settings.size)
        if settings.workload == .get, !settings.isFilled {
            let filled = collect(settings, content, record) { worker in worker.fill() }
            if filled.failureCount > 0 { throw .fill(filled.failures) }
        }
        let budget = RunBudget(count: settings.count, duration: settings.duration)
        let (begunAt, begun) = (Date.now, ContinuousClock.now)
        let tally = collect(settings, content, record) { worker in
            worker.run(budget, begun: begun)
        }
        return LoadReport(
            workload: settings.workload.rawValue, concurrency: settings.concurrency,
            begun: begunAt, elapsed: ContinuousClock.now - begun, tally: tally)
    }

    private static func collect(
        _ settings: LoadSettings, _ content: Content, _ record: AcknowledgedRecord?,
        _ body: @escaping @Sendable (Worker) -> Void
    ) -> Tally {
        let total = SharedTally()
        Threads.run(
            (0..<settings.concurrency).map { number in
                {
                    let worker = Worker(
                        number, settings: settings, content: content, record: record)
                    body(worker)
                    total.add(worker.tally)
                }
            })
        return total.value
    }

    private static func makeBucket(
        _ settings: LoadSettings, record: AcknowledgedRecord?
    ) throws(LoadError) {
        let client = HTTPClient(followsRedirects: true)
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { scratch.deallocate() }
        let body = Array(#"{"action":"createlb"}"#.utf8)
        var last = "no server was asked"
        for server in settings.servers {
            do throws(LoadFailure) {
                let answer = try body.withUnsafeBytes { bytes in
                    Result { () throws(LoadFailure) in
                        try client.send(
                            "POST", to: server, path: "/v1/buckets/\(settings.bucket)",
                            body: bytes, into: scratch)
                    }
                }.get()
                if answer.status == 200 { record?.bucket(settings.bucket) }
                if answer.status == 200 || answer.status == 409 { return }
                last = "\(server): status \(answer.status)"
            } catch {
                last = "\(server): \(error)"
            }
        }
        throw .bucket(settings.bucket, last)
    }
}

/// The sum of the workers' tallies.
private final class SharedTally: Sendable {
    private let total = Mutex(Tally())
    func add(_ tally: Tally) { total.withLock { $0.add(tally) } }
    var value: Tally { total.withLock { $0 } }
}

/// Why a run could not be made.
enum LoadError: Error, CustomStringConvertible {
    case record(String)
    case bucket(String, String)
    case fill([String: UInt64])

    var description: String {
        switch self {
        case .record(let path): "cannot write the record \(path)"
        case .bucket(let name, let reason): "cannot create the bucket \(name): \(reason)"
        case .fill(let failures): "objects to read could not be stored: \(failures)"
        }
    }
}
