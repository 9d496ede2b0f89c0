-- Which account the provider is to offer its user (OpenID Connect Core 3.1.2.1, login_hint).
ALTER TABLE flows ADD COLUMN hint TEXT;
-- Unopened instructions of one application for one user are counted, and given again.
CREATE INDEX flows_subject ON flows (subject, client);
