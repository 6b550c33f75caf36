package store

// applicationID marks the files of Burgee: "BRGE".
const applicationID = 0x42524745

// migrations returns the statements that make each version of the tables from the one before; the first makes them from
// nothing. A migration is appended and never edited. The version is the number of migrations carried out.
//
// change is the history, and a NULL body a deletion; document points to the changes that are the current state, so that
// a body lies on disk once. Times are microseconds since 1970.
//
// epoch says in which epoch each revision was made: that of the last row whose first revision is not after it. The last
// row is the epoch of head. A restore appends a row here and a revision without changes, whose hash is the first over the
// new epoch; so the revisions before it keep their hashes, and two servers that went on from one backup never agree on
// a position.
func migrations() [][]string {
	return [][]string{{
		`PRAGMA application_id = 1112688453`,
		`CREATE TABLE head (
			epoch TEXT NOT NULL, revision INTEGER NOT NULL, hash BLOB NOT NULL, created INTEGER NOT NULL, at INTEGER NOT NULL
		) STRICT`,
		`CREATE TABLE revision (
			revision INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL, previous_hash BLOB NOT NULL, hash BLOB NOT NULL
		) STRICT`,
		`CREATE TABLE change (
			namespace TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
			revision INTEGER NOT NULL REFERENCES revision (revision), body BLOB,
			PRIMARY KEY (namespace, kind, key, revision)
		) STRICT`,
		`CREATE INDEX change_revision ON change (revision)`,
		// The newest deletion of a namespace, without reading its history.
		`CREATE INDEX change_deletion ON change (namespace, revision) WHERE body IS NULL`,
		`CREATE TABLE document (
			namespace TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
			PRIMARY KEY (namespace, kind, key),
			FOREIGN KEY (namespace, kind, key, revision) REFERENCES change (namespace, kind, key, revision)
		) STRICT, WITHOUT ROWID`,
		`CREATE VIEW current_document AS
			SELECT d.namespace, d.kind, d.key, d.revision, r.at, c.body
			FROM document AS d
			JOIN change AS c ON c.namespace = d.namespace AND c.kind = d.kind AND c.key = d.key AND c.revision = d.revision
			JOIN revision AS r ON r.revision = d.revision`,
		`PRAGMA user_version = 1`,
	}, {
		`CREATE TABLE epoch (first INTEGER PRIMARY KEY, epoch TEXT NOT NULL) STRICT`,
		// Of nothing when the tables are made from nothing: then the first row comes with the first revision.
		`INSERT INTO epoch (first, epoch) SELECT 1, epoch FROM head`,
		`PRAGMA user_version = 2`,
	}, {
		// At most one row: the oldest revision whose state can be told, and how many rows of change and revision that nothing
		// needs any more are still there.
		`CREATE TABLE base (revision INTEGER NOT NULL, surplus INTEGER NOT NULL) STRICT`,
		// With the whole id, so that revisions are found by what they changed without reading the changes.
		`DROP INDEX change_revision`,
		`CREATE INDEX change_revision ON change (revision, namespace, kind, key)`,
		// Evaluations with one answer in the span of resolution seconds that begins at start, seconds since 1970. reason is
		// the number of flipt.evaluation.EvaluationReason, rule the id of what decided.
		`CREATE TABLE count (
			namespace TEXT NOT NULL, flag TEXT NOT NULL, resolution INTEGER NOT NULL, start INTEGER NOT NULL,
			value TEXT NOT NULL, reason INTEGER NOT NULL, rule TEXT NOT NULL, evaluations INTEGER NOT NULL,
			PRIMARY KEY (namespace, flag, resolution, start, value, reason, rule)
		) STRICT, WITHOUT ROWID`,
		// When each flag was last evaluated, and the flags that were asked for and do not exist; seconds since 1970.
		`CREATE TABLE evaluated (
			namespace TEXT NOT NULL, flag TEXT NOT NULL, at INTEGER NOT NULL,
			PRIMARY KEY (namespace, flag)
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE missing (
			namespace TEXT NOT NULL, flag TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, evaluations INTEGER NOT NULL,
			PRIMARY KEY (namespace, flag)
		) STRICT, WITHOUT ROWID`,
		// At most one row: since when evaluations are counted.
		`CREATE TABLE counting (since INTEGER NOT NULL) STRICT`,
		`PRAGMA user_version = 3`,
	}}
}

// pragmas returns what the writing connection sets, in this order, and what it must read back.
func pragmas() [][3]string {
	return [][3]string{
		{`PRAGMA journal_mode = WAL`, `PRAGMA journal_mode`, "wal"},
		{`PRAGMA synchronous = FULL`, `PRAGMA synchronous`, "2"},
		{`PRAGMA fullfsync = ON`, `PRAGMA fullfsync`, "1"},
		{`PRAGMA foreign_keys = ON`, `PRAGMA foreign_keys`, "1"},
		{`PRAGMA wal_autocheckpoint = 1000`, `PRAGMA wal_autocheckpoint`, "1000"},
		{`PRAGMA journal_size_limit = 67108864`, `PRAGMA journal_size_limit`, "67108864"},
		{`PRAGMA trusted_schema = OFF`, `PRAGMA trusted_schema`, "0"},
		{`PRAGMA cell_size_check = ON`, `PRAGMA cell_size_check`, "1"},
		{`PRAGMA cache_size = -16384`, `PRAGMA cache_size`, "-16384"},
		{`PRAGMA temp_store = MEMORY`, `PRAGMA temp_store`, "2"},
		{`PRAGMA mmap_size = 0`, `PRAGMA mmap_size`, "0"},
	}
}
