ALTER TABLE token_sets DROP COLUMN refused_times;
ALTER TABLE token_sets DROP COLUMN refused_since;
ALTER TABLE token_sets DROP COLUMN refused_word;
ALTER TABLE token_sets DROP COLUMN failed_at;
ALTER TABLE token_sets DROP COLUMN told;
ALTER TABLE token_sets DROP COLUMN abandoned;
