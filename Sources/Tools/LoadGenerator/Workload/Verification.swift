import Synchronization

/// Looks for everything a record says was acknowledged.
enum Verification {
    struct Result: Sendable {
        var buckets = 0
        var objects = 0
        /// What is missing or wrong, one line each.
        var losses: [String] = []
    }

    /// Asks the servers in turn; one that cannot be reached is passed over, not taken for a loss.
    static func run(
        _ set: AcknowledgedSet, servers: [ServerAddress], concurrency: Int
    ) -> Result {
        let result = Shared()
        checkBuckets(set, servers, result)
        let objects = set.objects.sorted {
            ($0.key.bucket, $0.key.name) < ($1.key.bucket, $1.key.name)
        }
        Threads.run(
            (0..<concurrency).map { number in
                {
                    let client = HTTPClient(followsRedirects: true)
                    var index = number
                    while index < objects.count {
                        let (key, write) = objects[index]
                        result.object(loss(of: key, write, client, servers))
                        index += concurrency
                    }
                }
            })
        return result.value
    }

    private static func checkBuckets(
        _ set: AcknowledgedSet, _ servers: [ServerAddress], _ result: Shared
    ) {
        let client = HTTPClient(followsRedirects: true)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        for name in set.buckets.sorted() {
            let answer = ask(client, servers, "HEAD", "/v1/buckets/\(name)", into: buffer)
            switch answer {
            case .success(let answer) where answer.status == 200: result.bucket(nil)
            case .success(let answer): result.bucket("bucket \(name): status \(answer.status)")
            case .failure(let failure): result.bucket("bucket \(name): \(failure)")
            }
        }
    }

    private static func loss(
        of key: AcknowledgedSet.Key, _ write: AcknowledgedSet.Write, _ client: HTTPClient,
        _ servers: [ServerAddress]
    ) -> String? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(4096, write.size + 1), alignment: 16)
        defer { buffer.deallocate() }
        let path = "/v1/objects/\(key.bucket)/\(key.name)"
        switch ask(client, servers, "GET", path, into: buffer) {
        case .failure(let failure): return "\(key.bucket)/\(key.name): \(failure)"
        case .success(let answer):
            guard answer.status == 200 else {
                return "\(key.bucket)/\(key.name): status \(answer.status)"
            }
            let bytes = UnsafeRawBufferPointer(
                rebasing: buffer[..<min(buffer.count, answer.bodyCount)])
            return Content(size: write.size)
                .difference(bytes, name: key.name, from: write.sequence)
        }
    }

    private static func ask(
        _ client: HTTPClient, _ servers: [ServerAddress], _ method: String, _ path: String,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Swift.Result<HTTPClient.Answer, LoadFailure> {
        var last = LoadFailure.unreachable("no server was asked")
        for server in servers {
            do throws(LoadFailure) {
                let answer = try client.send(method, to: server, path: path, into: buffer)
                if answer.status < 500 { return .success(answer) }
                last = .status(answer.status)
            } catch {
                last = error
            }
        }
        return .failure(last)
    }

    private final class Shared: Sendable {
        private let state = Mutex(Result())
        var value: Result { state.withLock { $0 } }

        func bucket(_ loss: String?) {
            state.withLock { result in
                result.buckets += 1
                if let loss { result.losses.append(loss) }
            }
        }

        func object(_ loss: String?) {
            state.withLock { result in
                result.objects += 1
                if let loss { result.losses.append(loss) }
            }
        }
    }
}
