DROP TABLE issuer_rules;
DROP TABLE client_assertions;
