import Glibc

/// Files of `/proc`: made by the kernel while they are read, so one that cannot be read is simply not there.
enum ProcFile {
    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        let piece = 16 << 10
        while bytes.count < StatisticsLimits.procFileBytesMax {
            let more = [UInt8](unsafeUninitializedCapacity: piece) { buffer, count in
                count = max(0, Glibc.read(descriptor, buffer.baseAddress, piece))
            }
            if more.isEmpty { break }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The number behind `key:` in a file of such lines.
    static func number(_ key: String, in text: String) -> UInt64? {
        for line in text.split(separator: "\n") where line.hasPrefix("\(key):") {
            let words = line.dropFirst(key.utf8.count + 1).split { $0 == " " || $0 == "\t" }
            return words.first.flatMap { UInt64($0) }
        }
        return nil
    }
}
