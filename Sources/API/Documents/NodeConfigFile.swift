package import Base

/// What stands in the file that `--config` names: settings of one node that are not worth a flag.
///
///     {"log_level": "info", "proxy": {…}, "target": {…}}
///
/// One file may serve all nodes of a cluster, so each role has a section that only it reads.
package struct NodeConfigFile: Sendable {
    package var logLevel = Logger.Level.info
    private var sections: [String: JSONValue] = [:]

    private static let levels: [String: Logger.Level] = [
        "debug": .debug, "info": .info, "warning": .warning, "error": .error,
    ]

    package init() {}

    package init(decoding bytes: [UInt8]) throws(Failure) {
        let json: JSONValue
        do throws(DecodingFailure) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw Failure(.badJSON, "the configuration file is not JSON", cause: error.description)
        }
        guard
            let file = try ActionValue(
                json, place: "the file", keys: ["log_level", "proxy", "target"])
        else { return }
        if let word = try file.string("log_level") {
            guard let level = Self.levels[word] else {
                throw Failure(
                    .badValue, "'log_level' is '\(word.excerpt)'",
                    next: "one of \(Self.levels.keys.sorted().joined(separator: ", "))")
            }
            logLevel = level
        }
        if case .object(let object) = json {
            for role in ["proxy", "target"] { sections[role] = object[role] }
        }
    }

    /// The section of a role, read strictly; `nil` when the file has none.
    package func section(_ role: String, keys: [String]) throws(Failure) -> ActionValue? {
        try ActionValue(sections[role], place: role, keys: keys)
    }
}
