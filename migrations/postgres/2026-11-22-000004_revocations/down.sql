DROP INDEX links_account;
DROP TABLE revocations;
