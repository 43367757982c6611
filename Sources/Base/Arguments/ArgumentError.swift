/// Why a command line was not understood. The description is what the operator reads.
public enum ArgumentError: Error, Equatable, CustomStringConvertible {
    /// The command has no flag of this name; `closest` is a flag it may have meant.
    case unknownFlag(String, closest: String?)
    /// A flag that needs a value came last, or was followed by another flag.
    case missingValue(flag: String, placeholder: String)
    /// A flag that takes no value was written `--flag=value`.
    case unexpectedValue(flag: String, value: String)
    /// A flag that may be given once was given again.
    case repeatedFlag(String)
    /// The value does not have the form the flag asks for.
    case badValue(name: String, value: String, expected: String)
    /// A flag without which the command cannot run was left out.
    case missingFlag(String, placeholder: String)
    /// A positional argument without which the command cannot run was left out.
    case missingPositional(String)
    /// More words than the command knows what to do with.
    case unexpectedArgument(String)
    /// What the command itself found wrong with a combination of flags.
    case refused(String)

    public var description: String {
        switch self {
        case .unknownFlag(let flag, let closest):
            let hint = closest.map { "; did you mean --\($0)?" } ?? ""
            return "unknown flag \(flag)\(hint)"
        case .missingValue(let flag, let placeholder):
            return "--\(flag) needs a value: --\(flag) \(placeholder)"
        case .unexpectedValue(let flag, let value):
            return "--\(flag) takes no value, but was given \"\(value)\""
        case .repeatedFlag(let flag):
            return "--\(flag) was given more than once"
        case .badValue(let name, let value, let expected):
            return "\(name): \"\(value)\" is not \(expected)"
        case .missingFlag(let flag, let placeholder):
            return "--\(flag) \(placeholder) is missing"
        case .missingPositional(let name):
            return "\(name) is missing"
        case .unexpectedArgument(let text):
            return "unexpected argument \"\(text)\""
        case .refused(let reason):
            return reason
        }
    }
}
