/// Identifiers drawn once from the operating system's random source, at the edges of the program.
/// Logic that needs chance takes a generator as an input instead.
public enum SystemRandom {
    public static func word() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }

    /// Text of letters and digits, as cluster ids are written (9 characters in AIStore).
    public static func identifier(length: Int = 9) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        // One word of randomness seeds them all: a draw from the system is a system call.
        var generator = SeededRandom(seed: word())
        let characters = (0..<length).map { _ in
            alphabet[Int(generator.next(upperBound: UInt64(alphabet.count)))]
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
