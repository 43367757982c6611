import Base
import Glibc

/// One closed loop: sends a request, waits for its answer, sends the next.
final class Worker {
    private let settings: LoadSettings
    private let number: Int
    private let content: Content
    private let record: AcknowledgedRecord?
    private let client: HTTPClient
    private let etcd = EtcdClient()
    private let outgoing: UnsafeMutableRawBufferPointer
    private let incoming: UnsafeMutableRawBufferPointer
    private var random: SeededRandom
    private var serverIndex: Int
    private var sequence: UInt64 = 0
    private var runBegun = ContinuousClock.now
    /// When the last request succeeded; the start of the run before that.
    private var lastSuccess = ContinuousClock.now
    /// The last acknowledged write of each of this worker's own objects, in mixed runs.
    private var written: [Int: UInt64] = [:]
    private(set) var tally = Tally()

    init(_ number: Int, settings: LoadSettings, content: Content, record: AcknowledgedRecord?) {
        self.number = number
        self.settings = settings
        self.content = content
        self.record = record
        client = HTTPClient(followsRedirects: settings.followsRedirects)
        outgoing = .allocate(byteCount: max(1, settings.size), alignment: 4096)
        incoming = .allocate(byteCount: max(64 << 10, settings.size + 1), alignment: 4096)
        random = SeededRandom(seed: UInt64(number) &* 7919)
        serverIndex = number
    }

    deinit {
        outgoing.deallocate()
        incoming.deallocate()
    }

    /// Runs until the budget says stop.
    func run(_ budget: RunBudget, begun: ContinuousClock.Instant) {
        runBegun = begun
        lastSuccess = begun
        while budget.take() { step() }
        // Whoever was waiting in vain to the end has waited, too.
        noteGap(until: .now)
    }

    private func step() {
        switch settings.workload {
        case .get: get(Int.random(in: 0..<settings.objects, using: &random), from: 0)
        case .put: put(nextNumber())
        case .bucketCreate: createBucket()
        case .bucketCycle: cycleBucket()
        case .bucketHead: headBucket()
        case .etcdPut: putKey()
        case .etcdGet: getKey()
        case .mixed: mixedStep()
        }
    }

    /// Puts this worker's share of the objects in place, before the clock starts.
    func fill() {
        var object = number
        while object < settings.objects {
            put(object)
            object += settings.concurrency
        }
        if tally.failureCount == 0 { tally = Tally() }
    }

    private func mixedStep() {
        let own =
            number + settings.concurrency
            * Int.random(in: 0..<max(1, settings.objects / settings.concurrency), using: &random)
        if let acknowledged = written[own], Int.random(in: 0..<10, using: &random) < 7 {
            get(own, from: acknowledged)
        } else {
            put(own)
        }
    }

    /// New names, or the worker's own ones in turn when their number is bounded.
    private func nextNumber() -> Int {
        number + settings.concurrency * Int(sequence)
    }

    private func name(_ object: Int) -> String { "\(settings.prefix)\(object)" }

    private func get(_ object: Int, from acknowledged: UInt64) {
        let name = name(object)
        guard let answer = timed("GET", settings.objectPath(name)) else { return }
        guard answer.status == 200 else { return tally.fail(.status(answer.status)) }
        tally.bytes += UInt64(answer.bodyCount)
        let kept = min(answer.bodyCount, incoming.count)
        let bytes = UnsafeRawBufferPointer(rebasing: incoming[..<kept])
        if let difference = content.difference(bytes, name: name, from: acknowledged) {
            tally.mismatch(difference)
        }
    }

    private func put(_ object: Int) {
        let name = name(object)
        sequence += 1
        let body = UnsafeMutableRawBufferPointer(rebasing: outgoing[..<settings.size])
        content.fill(body, name: name, sequence: sequence)
        guard
            let answer = timed("PUT", settings.objectPath(name), body: UnsafeRawBufferPointer(body))
        else { return }
        // A plain web server answers 201 for a new file and 204 for an old one.
        guard [200, 201, 204].contains(answer.status) else {
            return tally.fail(.status(answer.status))
        }
        tally.bytes += UInt64(settings.size)
        written[object] = sequence
        record?.put(settings.bucket, name, sequence: sequence, size: settings.size)
    }

    private func createBucket() {
        sequence += 1
        let name = "\(settings.bucket)-\(settings.prefix)-\(number)-\(sequence)"
        if changeBucket(name, "POST", "createlb") { record?.bucket(name) }
    }

    /// A worker's own bucket is there after every odd change.
    private func cycleBucket() {
        let name = "\(settings.bucket)-\(settings.prefix)-\(number)"
        let isThere = !sequence.isMultiple(of: 2)
        let isDone =
            isThere
            ? changeBucket(name, "DELETE", "destroylb") : changeBucket(name, "POST", "createlb")
        if isDone { sequence += 1 }
    }

    private func changeBucket(_ name: String, _ method: String, _ action: String) -> Bool {
        let body = Array(#"{"action":"\#(action)"}"#.utf8)
        let answer = body.withUnsafeBytes { timed(method, "/v1/buckets/\(name)", body: $0) }
        guard let answer else { return false }
        guard answer.status == 200 else {
            tally.fail(.status(answer.status))
            return false
        }
        return true
    }

    private func headBucket() {
        guard let answer = timed("HEAD", "/v1/buckets/\(settings.bucket)") else { return }
        if answer.status != 200 { tally.fail(.status(answer.status)) }
    }

    private func putKey() {
        sequence += 1
        let key = "\(settings.prefix)-\(number)"
        let body = UnsafeMutableRawBufferPointer(rebasing: outgoing[..<settings.size])
        content.fill(body, name: key, sequence: sequence)
        let value = Array(body)
        timed { (server) throws(LoadFailure) in
            _ = try self.etcd.put(key, value, at: server)
            return true
        }
    }

    private func getKey() {
        let key = "\(settings.prefix)-0"
        timed { (server) throws(LoadFailure) in
            _ = try self.etcd.get(key, at: server)
            return true
        }
    }

    /// Sends one HTTP request to this worker's server.
    private func timed(
        _ method: String, _ path: String, body: UnsafeRawBufferPointer? = nil
    ) -> HTTPClient.Answer? {
        var answer: HTTPClient.Answer?
        timed { (server) throws(LoadFailure) in
            let received = try self.client.send(
                method, to: server, path: path, body: body, into: self.incoming)
            answer = received
            if received.status >= 500 { self.serverIndex += 1 }
            return received.status < 300
        }
        return answer
    }

    /// Measures one request to this worker's server; the next server's turn comes when it fails. `body` says whether
    /// it was a success, which alone is counted among the latencies.
    private func timed(_ body: (ServerAddress) throws(LoadFailure) -> Bool) {
        let server = settings.servers[serverIndex % settings.servers.count]
        let begun = ContinuousClock.now
        do throws(LoadFailure) {
            guard try body(server) else { return }
            let now = ContinuousClock.now
            tally.latencies.record(nanoseconds: Self.nanoseconds(now - begun))
            noteGap(until: now)
            lastSuccess = now
        } catch {
            tally.fail(error)
            serverIndex += 1
            if case .unreachable = error { usleep(Limits.unreachablePauseMicroseconds) }
        }
    }

    private func noteGap(until now: ContinuousClock.Instant) {
        tally.gaps.note(
            .init(
                from: Self.nanoseconds(lastSuccess - runBegun),
                length: Self.nanoseconds(now - lastSuccess)))
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let parts = duration.components
        return UInt64(parts.seconds) * 1_000_000_000 + UInt64(parts.attoseconds / 1_000_000_000)
    }
}
