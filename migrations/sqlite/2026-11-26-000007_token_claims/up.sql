-- Which call claimed a code or a refresh token of ours, and until when that call may still hand out what it brought. Whether
-- it did is what "used" says from here on.
ALTER TABLE oauth_codes ADD COLUMN claim TEXT;
ALTER TABLE oauth_codes ADD COLUMN claim_until INTEGER;
ALTER TABLE oauth_refresh_tokens ADD COLUMN claim TEXT;
ALTER TABLE oauth_refresh_tokens ADD COLUMN claim_until INTEGER;
-- The claim that a refresh token came of.
ALTER TABLE oauth_refresh_tokens ADD COLUMN born_of TEXT;
