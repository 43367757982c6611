import Glibc

/// What SQLite could not do, on which file, and what kind of trouble that is.
package struct DatabaseError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// No space is left. Nothing was written, and no flush has failed.
        case full
        /// The device failed; nothing since the last commit may be trusted.
        case inputOutput
        /// The file's own structure is damaged, or a row is not what was written.
        case corrupt
        /// Another process has the database open.
        case locked
        /// The file cannot be opened or written by this user.
        case notPermitted
        /// A file of another program, or of a newer version of this one.
        case foreign
        /// What this member has promised is not known: its floor is missing.
        case floorMissing
        case other
    }

    /// Whether an error of the operating system means that there is no room: on the file system, or within a quota.
    static func isWantOfRoom(_ number: Int32) -> Bool { number == ENOSPC || number == EDQUOT }

    package let kind: Kind
    package let code: Int32
    package let message: String

    package var description: String { message }

    package init(kind: Kind, code: Int32, message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    init(floorMissingBeside path: String) {
        self.init(
            kind: .floorMissing, code: 0,
            message:
                "\(path) says that a floor is kept beside it, and \(FloorFile.fileName) is missing or damaged: what "
                + "this member has promised is not known")
    }
}
