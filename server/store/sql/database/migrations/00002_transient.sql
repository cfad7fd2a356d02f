-- The embedded transient store: SQLite only, in a cluster it is Redis.

-- +goose Up
CREATE TABLE transient (
  key     TEXT   NOT NULL PRIMARY KEY,
  value   BYTEA  NOT NULL,
  version BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX transient_expires ON transient (expires);

CREATE TABLE transient_seen (
  key     TEXT   NOT NULL PRIMARY KEY,
  expires BIGINT NOT NULL
);
CREATE INDEX transient_seen_expires ON transient_seen (expires);

-- full_at is when the limit is wholly unused again (the theoretical arrival time of GCRA).
CREATE TABLE transient_rates (
  key  TEXT   NOT NULL PRIMARY KEY,
  full_at BIGINT NOT NULL
);
CREATE INDEX transient_rates_full ON transient_rates (full_at);
