import CSQLite

/// A prepared statement; it belongs to its database and is finalised with it.
final class Statement {
    private let handle: OpaquePointer
    private unowned let database: Database

    init(_ handle: OpaquePointer, in database: Database) {
        self.handle = handle
        self.database = database
    }

    deinit {
        sqlite3_finalize(handle)
    }

    // MARK: Parameters, numbered from 1

    func bind(_ place: Int32, _ value: Int64) {
        sqlite3_bind_int64(handle, place, value)
    }

    /// All 64 bits, as SQLite's signed integer of the same pattern.
    func bind(_ place: Int32, _ value: UInt64) {
        bind(place, Int64(bitPattern: value))
    }

    func bind(_ place: Int32, _ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { buffer in
            // An empty array has no address, and a null pointer would store NULL.
            withUnsafeBytes(of: UInt8(0)) { empty in
                martlet_bind_blob(
                    handle, place, buffer.baseAddress ?? empty.baseAddress, UInt64(buffer.count))
            }
        }
    }

    // MARK: Running

    /// Runs the statement to its end and forgets its rows.
    func run() throws(DatabaseError) {
        defer { reset() }
        var code = sqlite3_step(handle)
        while code == SQLITE_ROW { code = sqlite3_step(handle) }
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    /// Runs the statement and gives each row to `body`.
    func eachRow(_ body: (Statement) throws(DatabaseError) -> Void) throws(DatabaseError) {
        try rows { statement throws(DatabaseError) in
            try body(statement)
            return true
        }
    }

    /// Runs the statement and gives rows to `body`, as long as it wants another.
    func rows(while body: (Statement) throws(DatabaseError) -> Bool) throws(DatabaseError) {
        defer { reset() }
        while true {
            switch sqlite3_step(handle) {
            case SQLITE_ROW: if try !body(self) { return }
            case SQLITE_DONE: return
            case let code: throw failure(code)
            }
        }
    }

    /// Runs the statement and reads its first row; `nil` without one.
    func first<Value>(_ read: (Statement) -> Value) throws(DatabaseError) -> Value? {
        defer { reset() }
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return read(self)
        case SQLITE_DONE: return nil
        case let code: throw failure(code)
        }
    }

    // MARK: Columns, numbered from 0

    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func uint64(_ column: Int32) -> UInt64 { UInt64(bitPattern: int64(column)) }

    func text(_ column: Int32) -> String {
        sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
    }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    private func failure(_ code: Int32) -> DatabaseError {
        database.error(code, "cannot run '\(String(cString: sqlite3_sql(handle)))' on")
    }

    private func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }
}
