import Glibc

/// What a command says to the person at the terminal. Daemons log instead.
public enum Console {
    /// Writes to standard output, as is.
    public static func output(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Writes to standard error, as is.
    public static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    /// A reader that has gone away, or a full disk, is no reason to fail: there is nobody to tell.
    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if written > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
