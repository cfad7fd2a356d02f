-- Clients that a session has signed a person in to, of those that want to hear of its end. A grant does not live long enough to tell.

-- +goose Up
CREATE TABLE visits (
  session TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  client  TEXT   NOT NULL,
  account TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  PRIMARY KEY (session, client)
);
CREATE INDEX visits_account ON visits (account);
