internal import Glibc

/// A first-in-first-out queue that threads sleep on.
final class WorkQueue<Item>: @unchecked Sendable {
    // Safety: `items`, `waiting` and `closed` are touched only with `mutex` held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item] = []
    private var next = 0
    private var waiting = 0
    private var closed = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Items put and not yet taken.
    var count: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return items.count - next
    }

    /// Adds an item.
    ///
    /// - Returns: whether a sleeping thread was there to take it.
    @discardableResult
    func put(_ item: Item) -> Bool {
        pthread_mutex_lock(mutex)
        precondition(!closed, "work was given to a queue after its end")
        items.append(item)
        let isTaken = waiting >= items.count - next
        pthread_mutex_unlock(mutex)
        // Outside the lock: a thread woken inside it would fall asleep on it at once, at the price of two more
        // switches. The queue itself is kept alive by the caller.
        if isTaken { pthread_cond_signal(condition) }
        return isTaken
    }

    /// Takes the oldest item, sleeping until there is one.
    ///
    /// - Returns: `nil` once the queue is closed and empty.
    func take() -> Item? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while next == items.count {
            if closed { return nil }
            waiting += 1
            pthread_cond_wait(condition, mutex)
            waiting -= 1
        }
        let item = items[next]
        next += 1
        if next == items.count {
            items.removeAll(keepingCapacity: items.capacity <= 1024)
            next = 0
        } else if next >= 1024 {
            items.removeFirst(next)
            next = 0
        }
        return item
    }

    /// Wakes every sleeper; what is queued is still handed out.
    func close() {
        pthread_mutex_lock(mutex)
        closed = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }
}
