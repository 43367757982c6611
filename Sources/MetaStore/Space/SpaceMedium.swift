/// Where the log's files are, seen as room: what is left of it, and a reserve that nobody else can take.
package protocol SpaceMedium: AnyObject, Sendable {
    /// Bytes that may still be written here, the reserve not among them.
    func freeBytes() throws(DatabaseError) -> UInt64

    /// Bytes of the reserve.
    var reserveBytes: UInt64 { get }

    /// Makes the reserve so large, all of it or nothing. What it has then is taken from what is free.
    func reserve(_ bytes: UInt64) throws(DatabaseError)

    /// Gives the reserve up: from then on its bytes are free.
    func release() throws(DatabaseError)
}

extension SpaceMedium {
    /// Runs `open`, and where that finds no room, runs it once more without the reserve.
    package func sparing<Value>(
        _ open: () throws(DatabaseError) -> Value
    ) throws(DatabaseError) -> Value {
        do {
            return try open()
        } catch {
            guard error.kind == .full, reserveBytes > 0 else { throw error }
            try release()
            return try open()
        }
    }
}
