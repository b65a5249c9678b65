-- Votes and withdrawals are the record: rows are added and never change, which the triggers below see to.
-- Assignments are the queue: which item is with whom, and since when.

CREATE TABLE IF NOT EXISTS studies (
    task TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS items (
    task TEXT NOT NULL,
    item TEXT NOT NULL,
    position INTEGER NOT NULL,  -- in a random order, by the seed
    PRIMARY KEY (task, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS links (
    name TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS assignments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task TEXT NOT NULL,
    item TEXT NOT NULL,
    annotator TEXT NOT NULL,
    first TEXT NOT NULL CHECK (first IN ('a', 'b')),  -- which answer stands left
    given REAL NOT NULL,  -- when it was last shown, seconds since 1970 (UTC)
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'voted', 'withdrawn', 'lapsed')),
    FOREIGN KEY (task, item) REFERENCES items (task, item)
) STRICT;

CREATE INDEX IF NOT EXISTS assignments_of_item ON assignments (task, item, annotator, state, given);
CREATE INDEX IF NOT EXISTS assignments_of_annotator ON assignments (task, annotator, state);

CREATE TABLE IF NOT EXISTS votes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    assignment INTEGER NOT NULL UNIQUE REFERENCES assignments (id),  -- so that what is sent twice counts once
    time REAL NOT NULL,  -- seconds since 1970 (UTC)
    answer TEXT NOT NULL  -- JSON
) STRICT;

CREATE TABLE IF NOT EXISTS withdrawals (
    vote INTEGER PRIMARY KEY REFERENCES votes (id),
    time REAL NOT NULL
) STRICT;

CREATE TRIGGER IF NOT EXISTS votes_stay BEFORE UPDATE ON votes
BEGIN SELECT RAISE(ABORT, 'a vote is never changed'); END;
CREATE TRIGGER IF NOT EXISTS votes_last BEFORE DELETE ON votes
BEGIN SELECT RAISE(ABORT, 'a vote is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS withdrawals_stay BEFORE UPDATE ON withdrawals
BEGIN SELECT RAISE(ABORT, 'a withdrawal is never changed'); END;
CREATE TRIGGER IF NOT EXISTS withdrawals_last BEFORE DELETE ON withdrawals
BEGIN SELECT RAISE(ABORT, 'a withdrawal is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS assignments_stay BEFORE UPDATE OF id, task, item, annotator, first ON assignments
BEGIN SELECT RAISE(ABORT, 'an assignment is never given to another'); END;
CREATE TRIGGER IF NOT EXISTS assignments_last BEFORE DELETE ON assignments
BEGIN SELECT RAISE(ABORT, 'an assignment is never deleted'); END;
