// SQLite, with wrappers for the macros and variadic calls that Swift cannot import.
#ifndef MARTLET_CSQLITE_H
#define MARTLET_CSQLITE_H
#include <sqlite3.h>

// SQLITE_TRANSIENT is a cast macro: SQLite copies the bytes before the call returns.
static inline int martlet_bind_blob(sqlite3_stmt *statement, int column, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, column, bytes, count, SQLITE_TRANSIENT);
}
static inline int martlet_bind_text(sqlite3_stmt *statement, int column, const char *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, column, bytes, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}
#endif
