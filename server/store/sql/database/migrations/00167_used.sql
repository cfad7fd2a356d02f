-- When clients that registered themselves were last given a token, to a day or so; 0 is never. Of those that are there already nobody knows: they
-- count as used when they last changed. managed are those that the operator's own programs registered.

-- +goose Up
ALTER TABLE clients ADD COLUMN used BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN managed BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE clients SET used = changed;
CREATE INDEX clients_unused ON clients (kind, changed) WHERE used = 0 AND NOT managed;
