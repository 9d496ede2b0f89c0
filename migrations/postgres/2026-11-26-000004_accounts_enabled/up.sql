-- Serving asks whether an account may be served: the index answers alone, without the account's row.
CREATE INDEX accounts_enabled ON accounts (subject, disabled_at);
