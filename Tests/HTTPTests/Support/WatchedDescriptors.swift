import Foundation

/// What this process's epoll instances watch, as the kernel tells it.
enum WatchedDescriptors {
    /// Registrations whose descriptor is closed here, or is another file by now.
    static func closed() -> [String] {
        let directory = "/proc/self/fdinfo"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.flatMap { name -> [String] in
            guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)") else {
                return []
            }
            return String(decoding: data, as: UTF8.self).split(separator: "\n")
                .filter { $0.hasPrefix("tfd:") && !isOpen($0) }.map { "\(name): \($0)" }
        }
    }

    /// `tfd: 8 events: … data: … pos:0 ino:61 sdev:7`, the inode in hexadecimal.
    private static func isOpen(_ line: Substring) -> Bool {
        let words = line.split(separator: " ")
        guard words.count > 1, let descriptor = Int32(words[1]),
            let inode = words.first(where: { $0.hasPrefix("ino:") })
                .flatMap({ UInt64($0.dropFirst(4), radix: 16) })
        else { return true }
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_ino == inode
    }
}
