-- The store of a community: reports, and what follows from them. NUMBERED, BYTES, ROWS and
-- USING_ARRIVED are words that each database has its own for. Times are nanoseconds since 1970,
-- 0 for none; those of reports are minutes or seconds.

CREATE TABLE numbers (
	report  BIGINT NOT NULL,
	version BIGINT NOT NULL,
	change  BIGINT NOT NULL,
	purged  BIGINT NOT NULL, -- the latest change that is no more there
	incident BIGINT NOT NULL,
	entry   BIGINT NOT NULL,
	other   BIGINT NOT NULL -- of kinds, credits and faults
);
INSERT INTO numbers VALUES (0, 0, 0, 0, 0, 0, 0);

-- What many reports have in common.
CREATE TABLE kinds (
	id         NUMBERED,
	scenario   TEXT NOT NULL,
	hash       TEXT NOT NULL,
	behaviour  TEXT NOT NULL,
	confidence SMALLINT NOT NULL,
	spoofable  SMALLINT NOT NULL,
	provenance SMALLINT NOT NULL,
	UNIQUE (scenario, hash, behaviour, confidence, spoofable, provenance)
);
CREATE INDEX kinds_hash ON kinds (hash);

CREATE TABLE reports (
	seq     NUMBERED,
	member  BIGINT NOT NULL,
	arrived BIGINT NOT NULL, -- seconds
	kind    INTEGER NOT NULL,
	first   INTEGER NOT NULL, -- minutes
	last    INTEGER NOT NULL, -- minutes
	bucket  SMALLINT NOT NULL,
	flags   SMALLINT NOT NULL,
	novel   SMALLINT NOT NULL,
	void    SMALLINT NOT NULL,
	unit    BYTES NOT NULL
);
CREATE INDEX reports_unit ON reports (unit, member, last);
CREATE INDEX reports_member ON reports (member);
CREATE INDEX reports_last ON reports (last);
CREATE INDEX reports_arrived ON reports USING_ARRIVED (arrived);

-- Who used which kind, and when last: a short way to the reports of a kind.
CREATE TABLE runs (
	kind   INTEGER NOT NULL,
	member BIGINT NOT NULL,
	last   INTEGER NOT NULL, -- minutes
	PRIMARY KEY (kind, member)
) ROWS;
CREATE INDEX runs_last ON runs (last);

CREATE TABLE ordinary (
	unit   BYTES NOT NULL,
	member BIGINT NOT NULL,
	last   INTEGER NOT NULL, -- minutes
	bucket SMALLINT NOT NULL,
	PRIMARY KEY (unit, member)
) ROWS;
CREATE INDEX ordinary_last ON ordinary (last);

CREATE TABLE records (
	unit    BYTES NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL UNIQUE,
	tier    SMALLINT NOT NULL,
	due     BIGINT NOT NULL,
	newest  BIGINT NOT NULL,
	data    TEXT NOT NULL -- JSON
);
CREATE INDEX records_due ON records (due, unit) WHERE due <> 0;
CREATE INDEX records_newest ON records (newest);

CREATE TABLE changes (
	seq       NUMBERED,
	at        BIGINT NOT NULL,
	until     BIGINT NOT NULL,
	surety    BIGINT NOT NULL,
	action    SMALLINT NOT NULL,
	was       SMALLINT NOT NULL,
	list      SMALLINT NOT NULL,
	unit      BYTES NOT NULL,
	behaviour TEXT NOT NULL
);

CREATE TABLE cursors (
	reader TEXT NOT NULL PRIMARY KEY,
	seq    BIGINT NOT NULL,
	seen   BIGINT NOT NULL
);

CREATE TABLE members (
	id        NUMBERED,
	net       BIGINT NOT NULL,
	joined    BIGINT NOT NULL,
	vouched   SMALLINT NOT NULL,
	suspended SMALLINT NOT NULL,
	gone      BIGINT NOT NULL,
	seen      BIGINT NOT NULL,
	ties      TEXT NOT NULL, -- JSON
	standing  TEXT NOT NULL -- JSON
);

CREATE TABLE credits (
	id     NUMBERED,
	member BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	unit   BYTES NOT NULL
);
CREATE INDEX credits_at ON credits (at);
CREATE INDEX credits_unit ON credits (unit);

CREATE TABLE faults (
	id     NUMBERED,
	member BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	hit    SMALLINT NOT NULL,
	unit   BYTES NOT NULL
);
CREATE INDEX faults_at ON faults (at);
CREATE INDEX faults_unit ON faults (unit);

CREATE TABLE cases (
	id      NUMBERED,
	ticket  TEXT NOT NULL,
	unit    BYTES NOT NULL,
	kind    SMALLINT NOT NULL,
	proven  SMALLINT NOT NULL,
	opened  BIGINT NOT NULL,
	due     BIGINT NOT NULL,
	text    TEXT NOT NULL,
	state   SMALLINT NOT NULL,
	decider TEXT NOT NULL,
	reason  TEXT NOT NULL,
	decided BIGINT NOT NULL
);
CREATE UNIQUE INDEX cases_ticket ON cases (ticket) WHERE ticket <> '';
CREATE INDEX cases_unit ON cases (unit);
CREATE INDEX cases_due ON cases (due);

CREATE TABLE suppressions (
	hash  BYTES NOT NULL PRIMARY KEY,
	until BIGINT NOT NULL
);

CREATE TABLE audit (
	seq    NUMBERED,
	at     BIGINT NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	prev   BYTES NOT NULL,
	hash   BYTES NOT NULL
);

CREATE TABLE settings (
	name  TEXT NOT NULL PRIMARY KEY,
	value BYTES NOT NULL
);
