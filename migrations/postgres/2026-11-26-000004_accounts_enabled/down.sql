DROP INDEX accounts_enabled;
