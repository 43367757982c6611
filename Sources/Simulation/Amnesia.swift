/// How a disk forgets what was flushed (catalogue ST-02, ST-03, PC-12); what was promised it keeps.
enum Amnesia: Int {
    case nothing
    /// The database is gone.
    case database
    /// The database is as it was when the member started last.
    case backup
    /// A bit of the write-ahead file has flipped; without a disk, the same as ``backup``.
    case flippedBit
}
