import Base

/// `presence=N` of AIStore's later clients: what is asked about something that may lie in this cluster, or behind it.
///
/// All that this version has lies in the cluster; so what exists is present.
package enum Presence: Int, CaseIterable, Sendable {
    case exists, existsWithoutProperties, present, presentWithoutProperties, inCluster
    case existsOutside

    /// Whether its properties are to be told, too.
    package var wantsProperties: Bool { self == .exists || self == .present }
}

extension Query {
    /// - Returns: `nil` when the query does not ask.
    package func presence() throws(Failure) -> Presence? {
        guard let text = try value(QueryName.presence), !text.isEmpty else { return nil }
        guard let presence = Int(text).flatMap(Presence.init(rawValue:)) else {
            throw Failure(
                .badQuery, "'\(QueryName.presence)' is '\(text.excerpt)'",
                next: "a number from 0 to \(Presence.allCases.count - 1)")
        }
        guard presence != .existsOutside else {
            throw Failure(
                .notImplemented, "this build has nothing outside of the cluster",
                next: "leave out \(QueryName.presence)")
        }
        return presence
    }
}
