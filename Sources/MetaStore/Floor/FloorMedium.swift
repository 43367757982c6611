/// Where a floor is kept: a small file of its own.
package protocol FloorMedium: AnyObject, Sendable {
    /// The whole file; empty when there is none.
    func read() throws(DatabaseError) -> [UInt8]

    /// Overwrites a part. When this returns, it survives the death of the process, not of the machine.
    func write(_ bytes: [UInt8], at offset: Int) throws(DatabaseError)

    /// When this returns, what was written before survives power loss.
    func flush() throws(DatabaseError)

    /// Runs a flush elsewhere: at once, or when a few more writes may have joined it.
    func flushBehind(atOnce: Bool, _ flush: @escaping @Sendable () -> Void)
}
