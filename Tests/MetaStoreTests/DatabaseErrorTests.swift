import CSQLite
import Glibc
import Testing

@testable import MetaStore

/// What kind of trouble SQLite's codes are.
@Suite struct DatabaseErrorTests {
    struct Row: Sendable {
        var code: Int32
        var system: Int32
        var kind: DatabaseError.Kind
    }

    /// ST-06, ST-05: a quota is no broken disk; but what a flush does not keep is lost, whatever the reason.
    @Test(arguments: [
        Row(code: SQLITE_FULL, system: 0, kind: .full),
        Row(code: SQLITE_IOERR | 3 << 8, system: EDQUOT, kind: .full),
        Row(code: SQLITE_IOERR | 3 << 8, system: ENOSPC, kind: .full),
        Row(code: SQLITE_IOERR | 3 << 8, system: EIO, kind: .inputOutput),
        Row(code: SQLITE_IOERR | 3 << 8, system: 0, kind: .inputOutput),
        Row(code: SQLITE_IOERR | 4 << 8, system: EDQUOT, kind: .inputOutput),
        Row(code: SQLITE_IOERR | 4 << 8, system: ENOSPC, kind: .inputOutput),
        Row(code: SQLITE_IOERR, system: EDQUOT, kind: .inputOutput),
        Row(code: SQLITE_CORRUPT | 1 << 8, system: EDQUOT, kind: .corrupt),
    ])
    func `want of room is told from a disk that fails`(_ row: Row) {
        #expect(Database.kind(of: row.code, system: row.system) == row.kind)
    }
}
