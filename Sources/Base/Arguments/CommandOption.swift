/// One flag of a command: its name without the dashes, how often it may come, and its help line.
package struct CommandOption: Sendable {
    /// How a flag takes values.
    package enum Kind: Sendable, Equatable {
        /// Present or absent.
        case flag
        /// One value at most; the text is shown in the help when there is a default.
        case value(placeholder: String, defaultText: String?)
        /// Any number of values, in the order given.
        case repeated(placeholder: String)
    }

    package let name: String
    package let kind: Kind
    package let help: String

    /// A flag that is present or absent: `--detach`.
    package static func flag(_ name: String, _ help: String) -> CommandOption {
        CommandOption(name: name, kind: .flag, help: help)
    }

    /// A flag with one value: `--dir DIR`. `defaultText` is only shown; the reader supplies the value.
    package static func value(
        _ name: String, _ placeholder: String, _ help: String, default defaultText: String? = nil
    ) -> CommandOption {
        CommandOption(
            name: name, kind: .value(placeholder: placeholder, defaultText: defaultText), help: help
        )
    }

    /// A flag that may come many times: `--mountpath DIR --mountpath DIR`.
    package static func repeated(
        _ name: String, _ placeholder: String, _ help: String
    ) -> CommandOption {
        CommandOption(name: name, kind: .repeated(placeholder: placeholder), help: help)
    }

    /// The word that stands for the value in usage lines; empty for a plain flag.
    package var placeholder: String {
        switch kind {
        case .flag: ""
        case .value(let placeholder, _), .repeated(let placeholder): placeholder
        }
    }
}
