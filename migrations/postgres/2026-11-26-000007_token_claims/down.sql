-- What was claimed counts as used, as it did before.
UPDATE oauth_codes SET used = TRUE WHERE claim IS NOT NULL;
UPDATE oauth_refresh_tokens SET used = TRUE WHERE claim IS NOT NULL;
ALTER TABLE oauth_refresh_tokens DROP COLUMN born_of;
ALTER TABLE oauth_refresh_tokens DROP COLUMN claim_until;
ALTER TABLE oauth_refresh_tokens DROP COLUMN claim;
ALTER TABLE oauth_codes DROP COLUMN claim_until;
ALTER TABLE oauth_codes DROP COLUMN claim;
