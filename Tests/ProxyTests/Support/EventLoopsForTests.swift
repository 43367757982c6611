import HTTP

/// A loop for tests that need one to wait on.
enum EventLoopsForTests {
    static let shared = EventLoop(name: "test")
}
