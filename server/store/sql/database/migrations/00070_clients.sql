-- Clients that registered themselves (RFC 7591). Those of settings files have no row here. secret, token and previous are SHA-256 in hex
-- or empty; body is JSON that no query looks into.

-- +goose Up
CREATE TABLE clients (
  id       TEXT   NOT NULL PRIMARY KEY,
  kind     TEXT   NOT NULL,
  via      TEXT   NOT NULL,
  body     TEXT   NOT NULL,
  secret   TEXT   NOT NULL,
  token    TEXT   NOT NULL,
  previous TEXT   NOT NULL,
  revision BIGINT NOT NULL,
  created  BIGINT NOT NULL,
  changed  BIGINT NOT NULL
);

-- Grants of clients that can be removed. Those of the settings' clients cost nothing here.
CREATE INDEX grants_registered ON grants (client) WHERE substr(client, 1, 4) = 'reg-';
