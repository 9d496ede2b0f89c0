DROP FUNCTION fedlink_now();
DROP INDEX token_sets_obtained;
DROP INDEX token_sets_expires;
DROP INDEX token_sets_marked;
DROP INDEX token_sets_notice;
ALTER TABLE token_sets DROP COLUMN second_look;
ALTER TABLE token_sets DROP COLUMN notice_at;
