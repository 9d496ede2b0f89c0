-- Tables of Keycloak's, as its own changelogs make them on PostgreSQL, without what nobody asks for here, and three users.
CREATE TABLE realm (id varchar(36) PRIMARY KEY, name varchar(255) UNIQUE, enabled boolean NOT NULL DEFAULT false);
CREATE TABLE user_entity (
    id varchar(36) PRIMARY KEY, email varchar(255), email_constraint varchar(255), email_verified boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT false, federation_link varchar(255), first_name varchar(255), last_name varchar(255),
    realm_id varchar(255), username varchar(255), created_timestamp bigint, service_account_client_link varchar(255),
    not_before integer NOT NULL DEFAULT 0
);
CREATE TABLE federated_identity (
    identity_provider varchar(255) NOT NULL, realm_id varchar(36), federated_user_id varchar(255),
    federated_username varchar(255), token text, user_id varchar(36) NOT NULL, PRIMARY KEY (identity_provider, user_id)
);
CREATE TABLE credential (
    id varchar(36) PRIMARY KEY, salt bytea, type varchar(255), user_id varchar(36), created_date bigint, user_label varchar(255),
    secret_data text, credential_data text, priority integer
);

INSERT INTO realm VALUES ('r1', 'company', true), ('r2', 'another', true);
INSERT INTO user_entity VALUES
    ('alice', 'alice@example.com', 'alice@example.com', true, true, NULL, 'Alice', 'Ivanova', 'r1', 'alice', 1700000000123, NULL, 0),
    ('bob', NULL, 'c1', false, true, NULL, NULL, NULL, 'r1', 'bob', 1700000000000, NULL, 0),
    ('carol', 'carol@example.com', 'carol@example.com', false, false, NULL, 'Carol', NULL, 'r1', 'carol', 1700000000000, NULL, 0),
    ('job', NULL, 'c2', false, true, NULL, NULL, NULL, 'r1', 'service-account-orders', 1700000000000, 'client', 0),
    ('eve', 'alice@example.com', 'alice@example.com', true, true, NULL, NULL, NULL, 'r2', 'eve', 1700000000000, NULL, 0);
INSERT INTO federated_identity VALUES
    ('tbank', 'r1', '5551', 'alice@bank', 'FRESH', 'alice'),
    ('tbank', 'r1', '1000347601', 'bob@bank', 'OLD', 'bob'),
    ('tbank', 'r1', '5553', NULL, '<saml:Assertion/>', 'carol'),
    ('elsewhere', 'r1', '7', 'al', 'access_token=form', 'alice'),
    ('tbank', 'r2', '5555', 'eve@bank', NULL, 'eve');
INSERT INTO credential (id, type, user_id, secret_data, credential_data) VALUES
    ('1', 'password', 'alice', 'SECRET', 'HOW'),
    ('2', 'otp', 'alice', '{"value": "s"}', '{"digits": 6}'),
    ('3', 'password', 'carol', '{"value": "aGFzaA==", "salt": "c2FsdA=="}', '{"hashIterations": 210000, "algorithm": "pbkdf2-sha512"}');
