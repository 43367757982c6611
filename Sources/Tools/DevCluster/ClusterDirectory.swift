import FoundationEssentials
import Glibc

/// The directory a local cluster lives in, and its two small files.
///
/// `cluster.json` is replaced by a rename, so a reader always finds a whole one; writers hold the
/// lock file, so two commands at once do not lose each other's change.
package struct ClusterDirectory: Sendable {
    /// Absolute and without symbolic links, because nodes are recognised by the path they run with.
    package let path: String

    /// Opens the directory, making it when it is not there.
    package init(creating path: String) throws(ClusterError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .directory(path: path, reason: Self.reason(error))
        }
        try self.init(existing: path)
        guard access(self.path, W_OK | X_OK) == 0 else {
            throw .directory(path: self.path, reason: "not writable")
        }
    }

    /// Opens a directory that is there already.
    package init(existing path: String) throws(ClusterError) {
        guard let resolved = realpath(path, nil) else {
            let reason = errno == ENOENT ? "it does not exist" : String(cString: strerror(errno))
            throw .directory(path: path, reason: reason)
        }
        defer { free(resolved) }
        self.path = String(cString: resolved)
    }

    package var clusterFilePath: String { path + "/cluster.json" }
    var notesFilePath: String { path + "/devcluster.json" }
    var logsPath: String { path + "/logs" }
    var hasCluster: Bool { access(clusterFilePath, F_OK) == 0 }

    /// The nodes as they were last recorded.
    package func nodes() throws(ClusterError) -> [NodeRecord] { try load().nodes }

    func load() throws(ClusterError) -> ClusterFile {
        guard hasCluster else { throw .noCluster(directory: path) }
        return try decode(ClusterFile.self, from: clusterFilePath)
    }

    func notes() throws(ClusterError) -> ClusterNotes {
        guard access(notesFilePath, F_OK) == 0 else { return ClusterNotes() }
        return try decode(ClusterNotes.self, from: notesFilePath)
    }

    func save(_ file: ClusterFile) throws(ClusterError) { try replace(clusterFilePath, with: file) }
    func save(_ notes: ClusterNotes) throws(ClusterError) {
        try replace(notesFilePath, with: notes)
    }

    /// Changes the recorded nodes while no other command can.
    func update(_ change: (inout ClusterFile) -> Void) throws(ClusterError) {
        try locked { () throws(ClusterError) in
            var file = hasCluster ? try load() : ClusterFile()
            change(&file)
            try save(file)
        }
    }

    /// Runs `body` while holding the directory's lock.
    func locked<Value>(_ body: () throws(ClusterError) -> Value) throws(ClusterError) -> Value {
        let lockPath = path + "/lock"
        let descriptor = open(lockPath, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .directory(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw .directory(path: path, reason: String(cString: strerror(errno)))
            }
        }
        return try body()
    }

    private func decode<Value: Decodable>(
        _ type: Value.Type, from file: String
    ) throws(ClusterError) -> Value {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw .unreadable(file: file, reason: "no such file, or not readable")
        }
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw .unreadable(file: file, reason: "\(error)")
        }
    }

    private func replace(_ file: String, with value: some Encodable) throws(ClusterError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(value).write(to: URL(filePath: file), options: .atomic)
        } catch {
            throw .directory(path: path, reason: Self.reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        let cause = (error as? CocoaError)?.underlying ?? error
        guard let system = cause as? POSIXError else { return "\(cause)" }
        return String(cString: strerror(system.code.rawValue))
    }
}
