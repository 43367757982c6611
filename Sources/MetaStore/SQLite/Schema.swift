/// The tables, by the format that brought them; docs/formats/metastore.md describes them column by column.
enum Schema {
    static let statements = [
        """
        CREATE TABLE document(
            kind INTEGER PRIMARY KEY, bytes BLOB NOT NULL, checksum INTEGER NOT NULL)
        """,
        """
        CREATE TABLE log(
            idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, time INTEGER NOT NULL,
            kind INTEGER NOT NULL, payload BLOB NOT NULL, checksum INTEGER NOT NULL,
            chain INTEGER NOT NULL)
        """,
        """
        CREATE TABLE state(
            kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
            checksum INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID
        """,
    ]

    /// What format 2 adds.
    static let additions2 = [
        """
        CREATE TABLE history(
            idx INTEGER PRIMARY KEY, time INTEGER NOT NULL, subjects INTEGER NOT NULL,
            entry BLOB NOT NULL, checksum INTEGER NOT NULL)
        """
    ]
}
