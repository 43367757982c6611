/// One flag of a command: its name without the dashes, how often it may come, and its help line.
public struct CommandOption: Sendable {
    /// How a flag takes values.
    public enum Kind: Sendable, Equatable {
        /// Present or absent.
        case flag
        /// One value at most; the text is shown in the help when there is a default.
        case value(placeholder: String, defaultText: String?)
        /// Any number of values, in the order given.
        case repeated(placeholder: String)
    }

    public let name: String
    public let kind: Kind
    public let help: String

    /// A flag that is present or absent: `--detach`.
    public static func flag(_ name: String, _ help: String) -> CommandOption {
        CommandOption(name: name, kind: .flag, help: help)
    }

    /// A flag with one value: `--dir DIR`. `defaultText` is only shown; the reader supplies the value.
    public static func value(
        _ name: String, _ placeholder: String, _ help: String, default defaultText: String? = nil
    ) -> CommandOption {
        CommandOption(
            name: name, kind: .value(placeholder: placeholder, defaultText: defaultText), help: help
        )
    }

    /// A flag that may come many times: `--mountpath DIR --mountpath DIR`.
    public static func repeated(
        _ name: String, _ placeholder: String, _ help: String
    ) -> CommandOption {
        CommandOption(name: name, kind: .repeated(placeholder: placeholder), help: help)
    }

    /// The word that stands for the value in usage lines; empty for a plain flag.
    public var placeholder: String {
        switch kind {
        case .flag: ""
        case .value(let placeholder, _), .repeated(let placeholder): placeholder
        }
    }
}
