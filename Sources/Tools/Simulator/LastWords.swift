import Glibc

/// What to print when a precondition fails and ends the process: the seeds that were running.
enum LastWords {
    private struct Slot {
        var thread = pthread_t()
        var text = [UInt8]()
    }

    // Safety: filled before any thread starts; then each thread changes its own slot only, and the
    // handler runs on the thread whose slot it reads.
    nonisolated(unsafe) private static var slots: [Slot] = []

    /// Makes room for the threads and takes over the signals of a failed precondition.
    static func prepare(threads: Int) {
        slots = [Slot](repeating: Slot(), count: threads)
        let handler: @convention(c) (Int32) -> Void = { number in
            for slot in LastWords.slots where pthread_equal(slot.thread, pthread_self()) != 0 {
                _ = write(STDOUT_FILENO, slot.text, slot.text.count)
            }
            signal(number, SIG_DFL)
            raise(number)
        }
        for number in [SIGILL, SIGTRAP] { signal(number, handler) }
    }

    /// Worker threads are deaf to signals; these two are needed.
    static func listen(place: Int) {
        slots[place].thread = pthread_self()
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGILL, SIGTRAP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    static func set(_ text: String, place: Int) { slots[place].text = Array(text.utf8) }
}
