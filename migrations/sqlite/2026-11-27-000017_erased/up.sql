-- What the record is to call the account, where the person that it was of is erased. The id itself stays for as long as the tokens wait:
-- by it others' tokens of the same account are spared.
ALTER TABLE revocations ADD COLUMN erased_sid TEXT;
