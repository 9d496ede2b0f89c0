DROP INDEX token_sets_ailing;
DROP INDEX links_provider;
DROP INDEX links_account;
CREATE INDEX links_account ON links (fp_type, fp_name, sid);
