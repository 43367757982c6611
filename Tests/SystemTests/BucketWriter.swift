import Foundation
import Synchronization

/// A client that creates one bucket after the other at one proxy and remembers what it was told.
final class BucketWriter: Sendable {
    struct Attempt: Sendable {
        let name: String
        let begun: ContinuousClock.Instant
        let seconds: Double
        let status: Int
        let code: String
        let body: String

        var isAcknowledged: Bool { status == 200 }
        /// Answers that promise that nothing was done.
        var isRefused: Bool { status == 503 || status == 409 }
    }

    private let attempts = Mutex<[Attempt]>([])
    private let isOver = Mutex(false)
    private let ended = DispatchSemaphore(value: 0)

    init(_ cluster: LabCluster, at proxy: String) {
        nonisolated(unsafe) let cluster = cluster  // Safety: only its immutable parts are used.
        let thread = Thread { [self] in
            var number = 0
            // Writers may follow one another at a proxy.
            let life = UInt32.random(in: 0...UInt32.max)
            while !isOver.withLock({ $0 }) {
                number += 1
                let name = "w-\(proxy)-\(life)-\(number)"
                let begun = ContinuousClock.now
                guard let reply = try? cluster.create(name, at: proxy) else { continue }
                let attempt = Attempt(
                    name: name, begun: begun, seconds: LabCluster.seconds(since: begun),
                    status: reply.status, code: reply.code, body: reply.body)
                attempts.withLock { $0.append(attempt) }
            }
            ended.signal()
        }
        thread.start()
    }

    var soFar: [Attempt] { attempts.withLock { $0 } }

    /// Waits for the last answer.
    func end() -> [Attempt] {
        isOver.withLock { $0 = true }
        ended.wait()
        return soFar
    }
}
