-- Links looked for across users, a page at a time in the order of their keys: those of an account, those of a provider, and the few
-- that ail.
DROP INDEX links_account;
CREATE INDEX links_account ON links (fp_type, fp_name, sid, id);
CREATE INDEX links_provider ON links (fp_type, fp_name, id);
CREATE INDEX token_sets_ailing ON token_sets (health, link_id) WHERE health <> 'ok';
