/// Why a setting cannot be made: what the operator got wrong, or what this build does not do.
public enum ConfigMistake: Error, Equatable, Sendable {
    case unknown(String)
    /// A leaf name that several options share.
    case ambiguous(String, [String])
    /// The option exists, and why it is not changed this way.
    case refused(String, reason: String)
    case badValue(String, value: String, expected: String)
    case namedTwice(String)
    case tooMany(Int)
    /// Each value is possible, and all of them together are not.
    case conflict(String)
}
