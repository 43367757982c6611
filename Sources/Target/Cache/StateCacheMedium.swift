/// The file operations of a cached state. A test puts a disk that crashes in their place.
protocol StateCacheMedium: Sendable {
    /// The whole file; `nil` when there is none.
    func read() throws(FileError) -> [UInt8]?
    /// Writes behind the end of the file; it survives this process, not a power loss.
    func append(_ bytes: [UInt8]) throws(FileError)
    /// Makes what was appended survive a power loss. Fails with ``FileError/isMissing`` when somebody has removed the file.
    func sync() throws(FileError)
    /// Begins another file beside it, durably.
    func draft(_ bytes: [UInt8]) throws(FileError)
    func appendToDraft(_ bytes: [UInt8]) throws(FileError)
    /// Puts the draft in the file's place, in one step.
    func installDraft() throws(FileError)
    /// Makes the names survive a power loss.
    func syncNames() throws(FileError)
    /// Gives the file a second name, under which it stays when it is replaced.
    func keepAside() throws(FileError)
    /// Takes the file away, and keeps it under that other name.
    func setAside() throws(FileError)
}
