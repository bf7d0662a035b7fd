-- The accounts of a community. Times are nanoseconds since 1970, 0 for none.

CREATE TABLE accounts (
	login TEXT NOT NULL PRIMARY KEY,
	key   BYTES UNIQUE, -- NULL: it has none
	gone  BIGINT NOT NULL,
	data  TEXT NOT NULL -- JSON
);

CREATE TABLE invitations (
	hash  BYTES NOT NULL PRIMARY KEY,
	made  BIGINT NOT NULL,
	ends  BIGINT NOT NULL,
	used  BIGINT NOT NULL,
	data  TEXT NOT NULL -- JSON
);
