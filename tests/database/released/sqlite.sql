PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE __diesel_schema_migrations (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations VALUES('20261122000000','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000001','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000002','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000003','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000004','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000005','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261122000006','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000001','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000002','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000003','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000004','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000005','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000007','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000013','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261126000021','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000010','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000011','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000012','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000013','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000014','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000015','2026-11-28 04:14:47');
INSERT INTO __diesel_schema_migrations VALUES('20261127000017','2026-11-28 04:14:47');
CREATE TABLE accounts (
    subject      TEXT NOT NULL PRIMARY KEY,
    issuer       TEXT,                       -- NULL: the account is ours
    account_type TEXT NOT NULL,
    name         TEXT,
    created      INTEGER NOT NULL
, email TEXT, email_verified INTEGER NOT NULL DEFAULT 0, phone TEXT, phone_verified INTEGER NOT NULL DEFAULT 0, password_hash TEXT, disabled_at INTEGER, is_admin INTEGER NOT NULL DEFAULT 0, is_support INTEGER NOT NULL DEFAULT 0, two_factor INTEGER NOT NULL DEFAULT 0, rights_set TEXT REFERENCES rights_sets (id) ON DELETE SET NULL, meta TEXT NOT NULL DEFAULT '{}', external_system TEXT, external_email TEXT, external_email_verified INTEGER NOT NULL DEFAULT 0, external_phone TEXT, external_phone_verified INTEGER NOT NULL DEFAULT 0, updated INTEGER) STRICT;
INSERT INTO accounts VALUES('alice',NULL,'resident','Alice of the release',1795839287468573,NULL,0,NULL,0,'$argon2id$v=19$m=19456,t=2,p=1$0HouuOm3432kGXkoMKSNwQ$lU2rIMH8A3Dvk8wXxgQb9tyWWEIItjAHU8PkLuINIjk',NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('bob',NULL,'resident',NULL,1795839287638057,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('carol',NULL,'resident',NULL,1795839287700830,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('dave',NULL,'resident',NULL,1795839287713721,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
CREATE TABLE links (
    id            TEXT NOT NULL PRIMARY KEY,
    subject       TEXT NOT NULL,
    fp_type       TEXT NOT NULL,
    fp_name       TEXT NOT NULL,
    sid           TEXT NOT NULL,
    user_name     TEXT,
    proof         TEXT NOT NULL,
    origin_client TEXT,
    exclusive_key TEXT,                      -- set: the external account has one owner
    created       INTEGER NOT NULL,
    UNIQUE (subject, fp_type, fp_name, sid),
    UNIQUE (exclusive_key)
) STRICT;
INSERT INTO links VALUES('5a5c2a81-adf1-4840-887f-82524d870e9b','alice','box','box_1','of-alice','Alice at the box','asserted',NULL,'/box/box_1/of-alice',1795839287695334);
INSERT INTO links VALUES('3598ddbc-d2b7-497d-a825-921894700c7b','carol','box','box_1','stays',NULL,'asserted',NULL,'/box/box_1/stays',1795839287701306);
INSERT INTO links VALUES('0ee84552-349f-47d9-83bd-8c0f8d4347a4','dave','box','box_1','ran-out',NULL,'asserted',NULL,'/box/box_1/ran-out',1795839287713934);
INSERT INTO links VALUES('6039f421-577d-421a-9ad5-89e8501a887f','bob','box','box_1','of-bob',NULL,'asserted','console','/box/box_1/of-bob',1795839287871561);
CREATE TABLE token_sets (
    link_id        TEXT NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    key_id         TEXT NOT NULL,            -- the keyring's key that wraps wrapped_key
    wrapped_key    BLOB NOT NULL,
    sealed_access  BLOB,
    sealed_refresh BLOB,
    scope          TEXT,
    expires_at     INTEGER,                  -- NULL: the provider did not say
    obtained_at    INTEGER,                  -- NULL: imported
    version        INTEGER NOT NULL,         -- moves when tokens are written, and only then
    health         TEXT NOT NULL,
    health_since   INTEGER,
    attempt        TEXT,                     -- who holds the refresh lease
    lease_until    INTEGER,
    unclosed_by    TEXT,                     -- an attempt whose end nobody recorded
    retry_at       INTEGER,
    failures       INTEGER NOT NULL
, sealed_params BLOB, notice_at INTEGER, second_look INTEGER NOT NULL DEFAULT 0, imported_at INTEGER, stated_life INTEGER, refresh_expires_at INTEGER, abandoned INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0, failed_at INTEGER, refused_word TEXT, refused_since INTEGER, refused_times INTEGER NOT NULL DEFAULT 0, announced INTEGER NOT NULL DEFAULT 0, warning_at INTEGER) STRICT;
INSERT INTO token_sets VALUES('5a5c2a81-adf1-4840-887f-82524d870e9b','d4125b0d',X'565d0d5bcdc81080a5bd71bbc17ae6587f9b3ede4e03f6156622bf2b970117ba21ea549666c35f23eb79f62698d62a10649b279fb506becea2c3635d',X'61a55d2da8c0f5c93ad8a2bb668ef49fb95a17d4233663d84319bfea75f4abc78defc9f89e7bb837b89eb0',X'1a0f492c68c118e58d128960b0166b2b262c79af165a4464023f03156ee9a46f8a7c7c3c13ad5f7c2a5c379d',NULL,NULL,NULL,2034357288967945804,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795839287694513,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO token_sets VALUES('3598ddbc-d2b7-497d-a825-921894700c7b','d4125b0d',X'ab1d1db815247b1c0bff590ea2b58c24f28f4b7b62e5916f11194cf964eb003ba45439a0b5e59d92705b5f4d1a74ec4f4a4eb64705ee2255c7641591',X'2bb733afcc35d7d98095a78a6d0f01e5065f9f567282bb7efbfea7750119915155ee83a02c15a11be50526',X'718b0d961c7afd5ac4df37491cd8ebc02d4364132ced8c36e56bd0c4b02d7b8111246a6ed402adfab5d18097',NULL,NULL,NULL,1106947930829441858,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795839287699476,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO token_sets VALUES('0ee84552-349f-47d9-83bd-8c0f8d4347a4','d4125b0d',X'39360af79f30f68fc965519ed41afb08ea7631caa7844d504a89071d7932ef4a3ae020f8a06717df11c2643e0525ee1692cbc5418156c4d0497ef6e8',X'71966383d76a68d602473fd413141473a5d94a8a4f14a624f95c5d9a30f998c52a59c4eda45c35e6a27d',X'9fb17994dbc7c4e16295633f798f304db29c5b9979c8112ac029ef53d30acb95a1a26e795b62e301bd35d3',NULL,1700000000000000,NULL,849438770496988579,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795839287713352,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
CREATE TABLE link_uses (
    link_id   TEXT NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    last_used INTEGER NOT NULL
) STRICT;
INSERT INTO link_uses VALUES('5a5c2a81-adf1-4840-887f-82524d870e9b',1795839287918609);
CREATE TABLE flows (
    id             TEXT NOT NULL PRIMARY KEY,
    state          TEXT NOT NULL,
    client         TEXT NOT NULL,
    subject        TEXT,                     -- fixed by the instruction's bearer, if it had one
    fp_type        TEXT NOT NULL,
    fp_name        TEXT NOT NULL,
    callback       TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    cookie_hash    BLOB,                     -- the one browser that opened it
    state_hash     BLOB,                     -- the OAuth state of the provider's leg
    code_hash      BLOB,                     -- the bind code
    sid            TEXT,                     -- the account, once it is known
    user_name      TEXT,
    key_id         TEXT NOT NULL,
    wrapped_key    BLOB NOT NULL,
    sealed         BLOB,                     -- the leg's nonce and verifier, later the grant
    opened         INTEGER,
    expires        INTEGER NOT NULL,
    created        INTEGER NOT NULL, popup INTEGER NOT NULL DEFAULT 0, hint TEXT,
    UNIQUE (state_hash),
    UNIQUE (code_hash)
) STRICT;
CREATE TABLE oauth_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    id         TEXT NOT NULL,
    client     TEXT NOT NULL,
    subject    TEXT,                         -- NULL: system mode
    scope      TEXT NOT NULL,
    issued     INTEGER NOT NULL,
    expires    INTEGER NOT NULL
, family TEXT) STRICT;
INSERT INTO oauth_tokens VALUES(X'fd85a77ed4f08b07ee68ba3285bc9f19ec8dc6d92fa1cd10bc381a7597c382b0','2e81ba4d-8ca1-48a9-8446-41a8764f8473','console',NULL,'blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any blitz_api_sys_uaud',1795839287822982,1795842887822982,NULL);
CREATE TABLE vault_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    check_value BLOB NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
INSERT INTO vault_keys VALUES('d4125b0d',X'186747b53d9d8beaeea4cdac28bf566b9c23e277cec4f99263b341434527137f',1795839287437712);
CREATE TABLE provider_rules (
    fp_type   TEXT NOT NULL,
    fp_name   TEXT NOT NULL,
    exclusive INTEGER NOT NULL,
    PRIMARY KEY (fp_type, fp_name)
) STRICT;
INSERT INTO provider_rules VALUES('box','box_1',1);
CREATE TABLE audit (
    id            TEXT NOT NULL PRIMARY KEY,
    at            INTEGER NOT NULL,
    event         TEXT NOT NULL,
    client        TEXT,
    subject       TEXT,
    fp_type       TEXT,
    fp_name       TEXT,
    sid           TEXT,
    detail        TEXT,                      -- a reason code, never a provider's raw text
    claimed_ip    TEXT,
    claimed_agent TEXT
, actor TEXT, count INTEGER NOT NULL DEFAULT 1, batch TEXT) STRICT;
INSERT INTO audit VALUES('a61be45f-511c-4744-9834-a372e89f265c',1795839287583772,'ACCOUNT_CREATED',NULL,'alice',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('c74b8f42-2a3a-468d-abf2-85e6a218bbd3',1795839287640058,'ACCOUNT_CREATED',NULL,'bob',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('88a94b11-74f4-4c00-9969-2deae1051b79',1795839287695873,'FEDERATION_POINT_BOUND',NULL,'alice','box','box_1','of-alice','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('6ecfe29f-a964-42c6-9cf7-db861b96bf53',1795839287701097,'ACCOUNT_CREATED',NULL,'carol',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('e1d1a57b-14b5-4c94-b568-20e26428db7f',1795839287701600,'FEDERATION_POINT_BOUND',NULL,'carol','box','box_1','stays','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('8167a123-a29b-4c25-bc57-fa74ab18179b',1795839287711318,'FEDERATION_POINT_BOUND',NULL,'carol','box','box_1','goes','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('dae616ff-fcd9-4d22-8bb5-b515bbf10722',1795839287713825,'ACCOUNT_CREATED',NULL,'dave',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('e53c0622-935c-4d3d-9f28-71495c9e8638',1795839287714176,'FEDERATION_POINT_BOUND',NULL,'dave','box','box_1','ran-out','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('87f2a9db-71b8-4825-8b58-46673062b5f6',1795839287871910,'FEDERATION_POINT_BOUND','console','bob','box','box_1','of-bob','asserted',NULL,'curl/7.88.1',NULL,1,NULL);
INSERT INTO audit VALUES('eb7592ea-a71a-408e-ac36-198b7be20f17',1795839287896517,'FEDERATION_POINT_UNBOUND','console','carol','box','box_1','goes',NULL,NULL,'curl/7.88.1',NULL,1,NULL);
INSERT INTO audit VALUES('5e66634d-06a8-8e83-adce-08fd7946ceb7',1795839287000000,'FEDERATION_TOKENS_SERVED','console','alice','box','box_1','of-alice','fed_token',NULL,NULL,NULL,1,'7ca94dd8-cfca-4fd4-96ab-b5aeb6fa2b48');
CREATE TABLE instances (
    id     TEXT NOT NULL PRIMARY KEY,
    name   TEXT NOT NULL,                    -- for people: host and process
    keys   TEXT NOT NULL,                    -- JSON: the keys it can open with, id to check value
    active TEXT NOT NULL,                    -- the ids of those it may seal with, one but for a moment, space between
    seen   INTEGER NOT NULL
) STRICT;
CREATE TABLE dropped_keys (
    id      TEXT NOT NULL PRIMARY KEY,
    dropped INTEGER NOT NULL
) STRICT;
CREATE TABLE revocations (
    id          TEXT NOT NULL PRIMARY KEY,
    subject     TEXT,                        -- NULL: a bind that was made for nobody yet
    fp_type     TEXT NOT NULL,
    fp_name     TEXT NOT NULL,
    sid         TEXT,                        -- NULL: the provider did not prove whose they are
    key_id      TEXT NOT NULL REFERENCES vault_keys (id),
    wrapped_key BLOB NOT NULL,
    sealed      BLOB NOT NULL,               -- the tokens, under the job's own id
    attempts    INTEGER NOT NULL,
    retry_at    INTEGER NOT NULL,            -- moves with each attempt: whoever moved it has the job
    created     INTEGER NOT NULL
, erased_sid TEXT) STRICT;
INSERT INTO revocations VALUES('558119d1-e234-47ad-89a3-eaa39420475b','carol','box','box_1','goes','d4125b0d',X'e35d99561a91ee0dee2a57991f9ecd273ebdbaf2db88d26214e3446d71381b838ae4231d6db7d406b239dc64d504e237034d73ed50bce2a30a97461b',X'fc5226bdb04464e077d2e65dd129c575c0737826147ef4b7c2a3a538557db29f5db09ecdedcf9b7b561d41a459365a34d4edc30c2acbaa9228130fbbd1c84a000b84ac3c5f855637b3e9ed7bc606333f603b2152c202b3',1,1795839333265291,1795839287895957,NULL);
CREATE TABLE sessions (
    cookie_hash   BLOB NOT NULL PRIMARY KEY,
    subject       TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    authenticated INTEGER NOT NULL,
    expires       INTEGER NOT NULL
) STRICT;
CREATE TABLE attempts (
    key     TEXT NOT NULL PRIMARY KEY,
    count   INTEGER NOT NULL,
    expires INTEGER NOT NULL
, opens INTEGER) STRICT;
CREATE TABLE oauth_codes (
    code_hash      BLOB NOT NULL PRIMARY KEY,
    client         TEXT NOT NULL,
    subject        TEXT NOT NULL,
    redirect_uri   TEXT NOT NULL,
    scope          TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    family         TEXT NOT NULL,
    used           INTEGER NOT NULL,
    expires        INTEGER NOT NULL
, claim TEXT, claim_until INTEGER) STRICT;
CREATE TABLE oauth_refresh_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    client     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    scope      TEXT NOT NULL,
    family     TEXT NOT NULL,
    used       INTEGER NOT NULL,
    expires    INTEGER NOT NULL
, claim TEXT, claim_until INTEGER, born_of TEXT) STRICT;
CREATE TABLE rights_sets (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    granted    TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE TABLE condo_sessions (
    sid_hash  BLOB NOT NULL PRIMARY KEY,
    subject   TEXT REFERENCES accounts (subject) ON DELETE CASCADE,
    user_type TEXT,
    source    TEXT,
    provider  TEXT,
    client_id TEXT,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT;
CREATE TABLE confirm_phone_actions (
    token_hash   BLOB NOT NULL PRIMARY KEY,
    purpose      TEXT NOT NULL,
    phone        TEXT NOT NULL,
    subject      TEXT REFERENCES accounts (subject) ON DELETE CASCADE,
    code_mac     BLOB NOT NULL,
    code_expires INTEGER NOT NULL,
    retries      INTEGER NOT NULL,
    verified     INTEGER NOT NULL,
    completed    INTEGER,
    expires      INTEGER NOT NULL,
    created      INTEGER NOT NULL
, after_password INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE organizations (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE TABLE employee_roles (
    id           TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    granted      TEXT NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE TABLE employees (
    id           TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    subject      TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    role         TEXT REFERENCES employee_roles (id) ON DELETE SET NULL,
    name         TEXT,
    email        TEXT,
    phone        TEXT,
    is_accepted  INTEGER NOT NULL,
    is_rejected  INTEGER NOT NULL,
    is_blocked   INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE TABLE known_places (
    subject TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    place   BLOB NOT NULL,
    kind    TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (subject, place)
) STRICT;
CREATE TABLE client_assertions (
    client TEXT NOT NULL,
    -- SHA-256 of its jti.
    jti_hash BLOB NOT NULL,
    -- When it can't be good any more, and may be forgotten.
    until INTEGER NOT NULL,
    PRIMARY KEY (client, jti_hash)
);
CREATE TABLE issuer_rules (
    issuer TEXT NOT NULL PRIMARY KEY,
    subject_claim TEXT NOT NULL
);
CREATE TABLE outbox (
    seq       INTEGER NOT NULL PRIMARY KEY,       -- the order of each lane
    endpoint  TEXT NOT NULL,
    lane      TEXT NOT NULL,                      -- whose order it stands in: an account at a provider, or a person
    id        TEXT NOT NULL,                      -- of the line in the record
    at        INTEGER NOT NULL,
    event     TEXT NOT NULL,
    subject   TEXT,
    fp_type   TEXT,
    fp_name   TEXT,
    sid       TEXT,
    reason    TEXT,                               -- a code of ours
    replayed  INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,                   -- its person was erased: it is told, and becomes no dead letter
    dead_at   INTEGER,
    failure   TEXT                                -- why it was given up, a code of ours
) STRICT;
INSERT INTO outbox VALUES(1,'crm','70a6044c-ac81-6dcd-1a21-6cfc54c6761f','88a94b11-74f4-4c00-9969-2deae1051b79',1795839287695873,'FEDERATION_POINT_BOUND','alice','box','box_1','of-alice','asserted',0,1795839287696244,0,NULL,NULL);
INSERT INTO outbox VALUES(2,'crm','48d7033c-d850-f839-05e5-a6595deba440','e1d1a57b-14b5-4c94-b568-20e26428db7f',1795839287701600,'FEDERATION_POINT_BOUND','carol','box','box_1','stays','asserted',0,1795839287701716,0,NULL,NULL);
INSERT INTO outbox VALUES(3,'crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2','8167a123-a29b-4c25-bc57-fa74ab18179b',1795839287711318,'FEDERATION_POINT_BOUND','carol','box','box_1','goes','asserted',0,1795839287711409,0,NULL,NULL);
INSERT INTO outbox VALUES(4,'crm','46f29119-3653-9541-3861-fbf2766a7324','e53c0622-935c-4d3d-9f28-71495c9e8638',1795839287714176,'FEDERATION_POINT_BOUND','dave','box','box_1','ran-out','asserted',0,1795839287714297,0,NULL,NULL);
INSERT INTO outbox VALUES(5,'crm','226fe7e3-3dda-fe34-e4ad-e9dddc80ccda','87f2a9db-71b8-4825-8b58-46673062b5f6',1795839287871910,'FEDERATION_POINT_BOUND','bob','box','box_1','of-bob','asserted',0,1795839287872107,0,NULL,NULL);
INSERT INTO outbox VALUES(6,'crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2','eb7592ea-a71a-408e-ac36-198b7be20f17',1795839287896517,'FEDERATION_POINT_UNBOUND','carol','box','box_1','goes',NULL,0,1795839287896620,0,NULL,NULL);
CREATE TABLE outbox_lanes (
    endpoint      TEXT NOT NULL,
    lane          TEXT NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,               -- failures in a row of the one whose turn it is
    failing_since INTEGER,
    PRIMARY KEY (endpoint, lane)
) STRICT;
INSERT INTO outbox_lanes VALUES('crm','70a6044c-ac81-6dcd-1a21-6cfc54c6761f',1795839298430941,2,1795839287795566);
INSERT INTO outbox_lanes VALUES('crm','48d7033c-d850-f839-05e5-a6595deba440',1795839300647853,2,1795839287795620);
INSERT INTO outbox_lanes VALUES('crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2',1795839299980549,2,1795839287795646);
INSERT INTO outbox_lanes VALUES('crm','46f29119-3653-9541-3861-fbf2766a7324',1795839297785072,2,1795839287795670);
INSERT INTO outbox_lanes VALUES('crm','226fe7e3-3dda-fe34-e4ad-e9dddc80ccda',1795839298548945,2,1795839287877735);
CREATE TABLE outbox_leases (
    endpoint    TEXT NOT NULL PRIMARY KEY,
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_leases VALUES('crm','10ef7cdb-d467-428b-b0fc-bddaad183d1e',1795839294926350);
CREATE TABLE served_pages (
    id      TEXT NOT NULL PRIMARY KEY,
    writer  TEXT NOT NULL,                   -- the instance
    hour    INTEGER NOT NULL,                -- since 1970
    level   INTEGER NOT NULL,                -- how often it was merged
    entries INTEGER NOT NULL,
    folded  INTEGER NOT NULL,                -- so many entries are in the record
    written INTEGER NOT NULL,
    page    BLOB NOT NULL
) STRICT;
CREATE TABLE served_writers (
    writer  TEXT NOT NULL PRIMARY KEY,
    batch   TEXT NOT NULL,
    written INTEGER NOT NULL
) STRICT;
INSERT INTO served_writers VALUES('3e7d7bbf-b16b-45c6-af81-2d3e856b7e52','2462ee37-cf1d-4be1-ad6a-7982b68cb6b6',1795839288783470);
CREATE TABLE gone_links (
    id      TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    fp_type TEXT NOT NULL,
    fp_name TEXT NOT NULL,
    sid     TEXT NOT NULL,
    gone    INTEGER NOT NULL
) STRICT;
INSERT INTO gone_links VALUES('ecae94b4-e0ae-41c4-930a-3647ba94e238','carol','box','box_1','goes',1795839287896132);
CREATE INDEX flows_expires ON flows (expires);
CREATE INDEX oauth_tokens_expires ON oauth_tokens (expires);
CREATE INDEX token_sets_key ON token_sets (key_id, link_id);
CREATE INDEX flows_key ON flows (key_id, id);
CREATE TRIGGER token_sets_key_made BEFORE INSERT ON token_sets
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: token_sets.key_id'); END;
CREATE TRIGGER token_sets_key_changed BEFORE UPDATE OF key_id ON token_sets
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: token_sets.key_id'); END;
CREATE TRIGGER flows_key_made BEFORE INSERT ON flows
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: flows.key_id'); END;
CREATE TRIGGER flows_key_changed BEFORE UPDATE OF key_id ON flows
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: flows.key_id'); END;
CREATE TRIGGER vault_keys_dropped BEFORE DELETE ON vault_keys
WHEN EXISTS (SELECT 1 FROM token_sets WHERE key_id = OLD.id) OR EXISTS (SELECT 1 FROM flows WHERE key_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: a row names the key'); END;
CREATE INDEX token_sets_notice ON token_sets (notice_at) WHERE notice_at IS NOT NULL;
CREATE INDEX token_sets_marked ON token_sets (health_since) WHERE health_since IS NOT NULL;
CREATE INDEX token_sets_expires ON token_sets (expires_at);
CREATE INDEX token_sets_obtained ON token_sets (obtained_at);
CREATE INDEX revocations_key ON revocations (key_id, id);
CREATE INDEX revocations_retry_at ON revocations (retry_at);
CREATE UNIQUE INDEX accounts_email ON accounts (account_type, email);
CREATE UNIQUE INDEX accounts_phone ON accounts (account_type, phone);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX attempts_expires ON attempts (expires);
CREATE INDEX oauth_codes_expires ON oauth_codes (expires);
CREATE INDEX oauth_codes_subject ON oauth_codes (subject);
CREATE INDEX oauth_refresh_tokens_family ON oauth_refresh_tokens (family);
CREATE INDEX oauth_refresh_tokens_subject ON oauth_refresh_tokens (subject);
CREATE INDEX oauth_refresh_tokens_expires ON oauth_refresh_tokens (expires);
CREATE INDEX oauth_tokens_family ON oauth_tokens (family);
CREATE INDEX oauth_tokens_subject ON oauth_tokens (subject);
CREATE INDEX condo_sessions_subject ON condo_sessions (subject);
CREATE INDEX condo_sessions_expires ON condo_sessions (expires);
CREATE INDEX confirm_phone_actions_phone ON confirm_phone_actions (phone, created);
CREATE INDEX confirm_phone_actions_subject ON confirm_phone_actions (subject);
CREATE INDEX confirm_phone_actions_expires ON confirm_phone_actions (expires);
CREATE INDEX employee_roles_organization ON employee_roles (organization);
CREATE UNIQUE INDEX employees_once ON employees (subject, organization) WHERE deleted_at IS NULL;
CREATE INDEX employees_organization ON employees (organization);
CREATE INDEX employees_role ON employees (role);
CREATE INDEX known_places_place ON known_places (place);
CREATE INDEX known_places_expires ON known_places (expires);
CREATE INDEX token_sets_unstated ON token_sets (expires_at, coalesce(obtained_at, imported_at)) WHERE expires_at IS NULL;
CREATE INDEX accounts_enabled ON accounts (subject, disabled_at);
CREATE INDEX employees_subject ON employees (subject);
CREATE INDEX links_account ON links (fp_type, fp_name, sid, id);
CREATE INDEX links_provider ON links (fp_type, fp_name, id);
CREATE INDEX token_sets_ailing ON token_sets (health, link_id) WHERE health <> 'ok';
CREATE INDEX client_assertions_until ON client_assertions (until);
CREATE INDEX flows_subject ON flows (subject, client);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_event ON audit (event, at, id);
CREATE INDEX audit_subject ON audit (subject, at, id) WHERE subject IS NOT NULL;
CREATE INDEX audit_sid ON audit (fp_type, fp_name, sid, at, id) WHERE sid IS NOT NULL;
CREATE INDEX audit_actor ON audit (actor) WHERE actor IS NOT NULL;
CREATE UNIQUE INDEX outbox_id ON outbox (id, endpoint);
CREATE INDEX outbox_lane ON outbox (endpoint, lane, seq) WHERE dead_at IS NULL;
CREATE INDEX outbox_waiting ON outbox (endpoint, seq) WHERE dead_at IS NULL;
CREATE INDEX outbox_dead ON outbox (endpoint, seq) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_dead_at ON outbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_subject ON outbox (subject) WHERE subject IS NOT NULL;
CREATE INDEX outbox_account ON outbox (fp_type, fp_name, sid) WHERE sid IS NOT NULL;
CREATE INDEX outbox_lanes_due ON outbox_lanes (endpoint, due_at);
CREATE INDEX token_sets_announced ON token_sets (health) WHERE announced;
CREATE INDEX token_sets_warning ON token_sets (warning_at) WHERE warning_at IS NOT NULL;
CREATE INDEX gone_links_gone ON gone_links (gone);
CREATE INDEX gone_links_subject ON gone_links (subject);
CREATE INDEX gone_links_account ON gone_links (fp_type, fp_name, sid);
COMMIT;
