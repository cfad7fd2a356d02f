-- Candidates of flows that were rolled back: no node gives them to new journeys.

-- +goose Up
CREATE TABLE rollbacks (
  flow    TEXT   NOT NULL,
  version TEXT   NOT NULL,
  at      BIGINT NOT NULL,
  reason  TEXT   NOT NULL,
  PRIMARY KEY (flow, version)
);
