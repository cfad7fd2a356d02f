-- What journeys did, turn by turn (engine/trail). body is JSON and holds no secret. Rows go when their time has come, and losing
-- them loses nothing else.

-- +goose Up
CREATE TABLE trails (
  journey   TEXT   NOT NULL,
  revision  BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  flow      TEXT   NOT NULL,
  version   TEXT   NOT NULL,
  client    TEXT   NOT NULL,
  request   TEXT   NOT NULL,
  reference TEXT   NOT NULL,
  ending    TEXT   NOT NULL,
  cause     TEXT   NOT NULL,
  body      TEXT   NOT NULL
);
CREATE INDEX trails_journey ON trails (journey);
CREATE INDEX trails_short ON trails (substr(journey, 1, 8));
CREATE INDEX trails_request ON trails (request) WHERE request <> '';
CREATE INDEX trails_reference ON trails (reference) WHERE reference <> '';
CREATE INDEX trails_ended ON trails (flow, at) WHERE ending <> '';
CREATE INDEX trails_at ON trails (at);
