import Foundation

/// `martlet load` in the background, recording what was acknowledged.
final class BackgroundLoad {
    private let process = Process()
    private let output = Pipe()
    let record: String

    /// Starts it; `words` are those behind `martlet load`.
    init(_ words: String, record: String) throws {
        self.record = record
        process.executableURL = URL(filePath: Shell.martlet)
        process.arguments =
            ["load"] + words.split(separator: " ").map(String.init) + ["--record", record]
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// Waits until the run is over.
    ///
    /// - Returns: its exit status (4: something read was wrong) and what it printed.
    func finish() -> (status: Int32, output: String) {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    deinit {
        if process.isRunning { process.terminate() }
    }
}
