import Base
package import Cluster

/// `wait_version=N`: the answer waits until the document has that version, for a bounded time.
package struct VersionWait: Sendable {
    package enum Document: String, Sendable {
        case smap
        case bmd
        case config
    }

    package let document: Document
    package let version: UInt64
    package let seconds: Double

    /// - Returns: `nil` when the query does not ask for a version.
    package init?(_ query: Query, for document: Document) throws(Failure) {
        let seconds = try Self.timeout(query, default: Limits.waitSecondsDefault)
        guard let text = try query.value(QueryName.waitVersion) else {
            try query.refuse(
                QueryName.timeout, because: "for a version that is waited for (wait_version)")
            return nil
        }
        guard let version = UInt64(text) else {
            throw Failure(
                .badQuery, "'\(QueryName.waitVersion)' is '\(text.excerpt)', not a version",
                next: "a whole number, as the document has it")
        }
        self.document = document
        self.version = version
        self.seconds = seconds
    }

    /// What a time may look like; the digits of the longest one in the smallest unit fit.
    static let timeoutPattern =
        "[0-9]{1,\(String(Int(Limits.waitSecondsMax * 1_000)).count)}(?:\\.[0-9]{1,9})?(?:ms|s|m)?"

    /// `timeout=`, of whatever waits.
    package static func timeout(
        _ query: Query, default seconds: Double
    ) throws(Failure) -> Double {
        guard let text = try query.value(QueryName.timeout), !text.isEmpty else { return seconds }
        guard let seconds = Self.seconds(text), seconds >= 0, seconds <= Limits.waitSecondsMax
        else {
            throw Failure(
                .badQuery, "'\(QueryName.timeout)' is '\(text.excerpt)'",
                next: "seconds up to \(Int(Limits.waitSecondsMax)), as 30, 30s, 500ms or 2m")
        }
        return seconds
    }

    /// A number of seconds, or one with a unit as configurations have them.
    private static func seconds(_ text: String) -> Double? {
        for (unit, scale) in [("ms", 0.001), ("s", 1.0), ("m", 60.0)] where text.hasSuffix(unit) {
            return number(text.dropLast(unit.count)).map { $0 * scale }
        }
        return number(text[...])
    }

    private static func number(_ text: Substring) -> Double? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
            ? Double(text) : nil
    }

    package func isReached(in state: ClusterState) -> Bool { present(in: state) >= version }

    private func present(in state: ClusterState) -> UInt64 {
        switch document {
        case .smap: state.map.version
        case .bmd: state.buckets.version
        case .config: state.config.version
        }
    }

    /// What is answered when the time was over first.
    package func failure(_ state: ClusterState) -> Failure {
        Failure(
            .deadlineExceeded,
            "\(document.rawValue) has version \(present(in: state)), not yet \(version), after"
                + " \(seconds) s", next: "ask again")
    }
}
