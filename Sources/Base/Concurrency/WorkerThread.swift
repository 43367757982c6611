internal import CLinux
internal import Glibc

/// An operating system thread of this program: named, with a small stack, and deaf to signals, so
/// that the main thread alone decides what a signal means.
public struct WorkerThread: Sendable {
    private let handle: pthread_t

    /// Enough for every worker measured, SQLite and hashing included; the default of 8 MiB would
    /// only cost address space, but small stacks also show runaway recursion early.
    private static let stackBytes = 256 * 1024

    /// Runs `body` on a new thread.
    ///
    /// `name` is what `top -H` shows; the kernel keeps 15 bytes of it.
    ///
    /// - Returns: the thread; call ``join()`` or ``detach()`` once.
    public static func start(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) -> WorkerThread {
        let start = Unmanaged.passRetained(Start(name, body)).toOpaque()
        // Allocated, not initialised: which module owns the type's initialiser depends on the order of loading.
        let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
        pthread_attr_init(attributes)
        pthread_attr_setstacksize(attributes, stackBytes)
        defer {
            pthread_attr_destroy(attributes)
            attributes.deallocate()
        }
        // A thread inherits its creator's mask, so block first: no signal can slip in between.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        let result = pthread_create(&thread, attributes, { runThread($0) }, start)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        precondition(result == 0, "cannot start thread \(name): error \(result)")
        return WorkerThread(handle: thread)
    }

    /// Whether the caller runs on this thread.
    public var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }

    public func join() {
        pthread_join(handle, nil)
    }

    public func detach() {
        pthread_detach(handle)
    }
}

/// What a new thread needs to know.
private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    _ = String(decoding: start.name.utf8.prefix(15), as: UTF8.self).withCString {
        pthread_setname_np(pthread_self(), $0)
    }
    start.body()
    return nil
}
