-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 UTC, 0 means never. JSON is kept as TEXT: it is
-- read back as it was written, escaped NUL characters included, and no query looks inside it.

-- +goose Up
CREATE TABLE accounts (
  id         TEXT   NOT NULL PRIMARY KEY,
  status     TEXT   NOT NULL,
  attributes TEXT   NOT NULL,
  created    BIGINT NOT NULL,
  updated    BIGINT NOT NULL,
  version    BIGINT NOT NULL
);

-- Attributes that are short texts, so that accounts can be found by them.
CREATE TABLE attributes (
  account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (account, name)
);
CREATE INDEX attributes_value ON attributes (name, value);

-- Verified identifiers are unique by kind and canonical form; unverified ones reserve nothing.
CREATE TABLE identifiers (
  account   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind      TEXT    NOT NULL,
  canonical TEXT    NOT NULL,
  typed     TEXT    NOT NULL,
  verified  BOOLEAN NOT NULL,
  place     BIGINT  NOT NULL,
  PRIMARY KEY (account, kind, canonical)
);
CREATE UNIQUE INDEX identifiers_verified ON identifiers (kind, canonical) WHERE verified;
CREATE INDEX identifiers_canonical ON identifiers (canonical);

CREATE TABLE credentials (
  id        TEXT   NOT NULL PRIMARY KEY,
  account   TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind      TEXT   NOT NULL,
  key       TEXT   NOT NULL,
  label     TEXT   NOT NULL,
  data      TEXT   NOT NULL,
  stamp     TEXT   NOT NULL,
  created   BIGINT NOT NULL,
  last_used BIGINT NOT NULL,
  UNIQUE (kind, key)
);
CREATE INDEX credentials_account ON credentials (account);

CREATE TABLE links (
  issuer   TEXT   NOT NULL,
  subject  TEXT   NOT NULL,
  account  TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  provider TEXT   NOT NULL,
  created  BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX links_account ON links (account);

-- An ended session has no row. idle never lies behind absolute.
CREATE TABLE sessions (
  id       TEXT   NOT NULL PRIMARY KEY,
  secret   BYTEA  NOT NULL UNIQUE,
  account  TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  evidence TEXT   NOT NULL,
  created  BIGINT NOT NULL,
  seen     BIGINT NOT NULL,
  idle     BIGINT NOT NULL,
  absolute BIGINT NOT NULL,
  agent    TEXT   NOT NULL,
  address  TEXT   NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);
CREATE INDEX sessions_idle ON sessions (idle);

-- One row per scope, so that adding needs no reading; the row of the empty scope says that there is a consent at all.
CREATE TABLE consents (
  account TEXT   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  client  TEXT   NOT NULL,
  scope   TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  PRIMARY KEY (account, client, scope)
);

CREATE TABLE grants (
  id         TEXT    NOT NULL PRIMARY KEY,
  client     TEXT    NOT NULL,
  account    TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  session    TEXT    NOT NULL,
  flow       TEXT    NOT NULL,
  scope      TEXT    NOT NULL,
  redirect   TEXT    NOT NULL,
  challenge  TEXT    NOT NULL,
  request    TEXT    NOT NULL,
  verdict    TEXT    NOT NULL,
  offline    BOOLEAN NOT NULL,
  created    BIGINT  NOT NULL,
  expires    BIGINT  NOT NULL,
  redeemed   BIGINT  NOT NULL,
  generation BIGINT  NOT NULL,
  rotated    BIGINT  NOT NULL,
  idle       BIGINT  NOT NULL,
  revoked    BIGINT  NOT NULL,
  reason     TEXT    NOT NULL
);
CREATE INDEX grants_account ON grants (account);
CREATE INDEX grants_expires ON grants (expires);

CREATE TABLE revoked_tokens (
  token   TEXT   NOT NULL PRIMARY KEY,
  at      BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_expires ON revoked_tokens (expires);

CREATE TABLE turns (
  journey  TEXT   NOT NULL,
  revision BIGINT NOT NULL,
  digest   BYTEA  NOT NULL,
  result   BYTEA  NOT NULL,
  expires  BIGINT NOT NULL,
  PRIMARY KEY (journey, revision)
);
CREATE INDEX turns_expires ON turns (expires);

-- due is when the message is to be claimed next: a claim moves it behind its lease. done is when it was delivered or
-- given up; the body is erased then.
CREATE TABLE outbox (
  id       TEXT   NOT NULL PRIMARY KEY,
  kind     TEXT   NOT NULL,
  body     BYTEA  NOT NULL,
  created  BIGINT NOT NULL,
  expires  BIGINT NOT NULL,
  due      BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  cause    TEXT   NOT NULL,
  done     BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (due) WHERE done = 0;
CREATE INDEX outbox_done ON outbox (done) WHERE done > 0;

CREATE TABLE attempts (
  key           TEXT   NOT NULL PRIMARY KEY,
  failures      BIGINT NOT NULL,
  blocked_until BIGINT NOT NULL,
  at            BIGINT NOT NULL,
  expires       BIGINT NOT NULL
);
CREATE INDEX attempts_expires ON attempts (expires) WHERE expires > 0;

CREATE TABLE consumed (
  space   TEXT   NOT NULL,
  id      TEXT   NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (space, id)
);
CREATE INDEX consumed_expires ON consumed (expires);

CREATE TABLE signing_keys (
  id        TEXT   NOT NULL PRIMARY KEY,
  algorithm TEXT   NOT NULL,
  state     TEXT   NOT NULL,
  public    TEXT   NOT NULL,
  private   BYTEA  NOT NULL,
  created   BIGINT NOT NULL,
  changed   BIGINT NOT NULL
);

CREATE TABLE flow_versions (
  name   TEXT   NOT NULL,
  hash   TEXT   NOT NULL,
  source BYTEA  NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (name, hash)
);

CREATE TABLE audit (
  at      BIGINT NOT NULL,
  event   TEXT   NOT NULL,
  account TEXT   NOT NULL,
  client  TEXT   NOT NULL,
  journey TEXT   NOT NULL,
  address TEXT   NOT NULL,
  detail  TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_account ON audit (account, at);

CREATE TABLE meta (
  name  TEXT   NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('keys', 0);
