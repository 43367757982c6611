import Glibc

/// Runs a closure on each of many threads and waits for all of them.
///
/// Closed-loop workers block in system calls, which the shared cooperative pool must never do.
enum Threads {
    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    static func run(_ bodies: [@Sendable () -> Void]) {
        let threads = bodies.map { body in
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setstacksize(&attributes, 512 << 10)
            defer { pthread_attr_destroy(&attributes) }
            var thread = pthread_t()
            let start = Unmanaged.passRetained(Start(body))
            let result = pthread_create(
                &thread, &attributes,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                }, start.toOpaque())
            precondition(result == 0, "no thread could be started: error \(result)")
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}
