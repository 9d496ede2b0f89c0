PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE __diesel_schema_migrations (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations VALUES('20261122000000','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000001','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000002','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000003','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000004','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000005','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261122000006','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000001','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000002','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000003','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000004','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000005','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000007','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000013','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261126000021','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000010','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000011','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000012','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000013','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000014','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000015','2026-11-28 04:56:52');
INSERT INTO __diesel_schema_migrations VALUES('20261127000017','2026-11-28 04:56:52');
CREATE TABLE accounts (
    subject      TEXT NOT NULL PRIMARY KEY,
    issuer       TEXT,                       -- NULL: the account is ours
    account_type TEXT NOT NULL,
    name         TEXT,
    created      INTEGER NOT NULL
, email TEXT, email_verified INTEGER NOT NULL DEFAULT 0, phone TEXT, phone_verified INTEGER NOT NULL DEFAULT 0, password_hash TEXT, disabled_at INTEGER, is_admin INTEGER NOT NULL DEFAULT 0, is_support INTEGER NOT NULL DEFAULT 0, two_factor INTEGER NOT NULL DEFAULT 0, rights_set TEXT REFERENCES rights_sets (id) ON DELETE SET NULL, meta TEXT NOT NULL DEFAULT '{}', external_system TEXT, external_email TEXT, external_email_verified INTEGER NOT NULL DEFAULT 0, external_phone TEXT, external_phone_verified INTEGER NOT NULL DEFAULT 0, updated INTEGER) STRICT;
INSERT INTO accounts VALUES('alice',NULL,'resident','Alice of the release',1795841812899499,NULL,0,NULL,0,'$argon2id$v=19$m=19456,t=2,p=1$3FwLI4Hih5V7kUS7Qch2rg$QuNAVJGbYtloc7GzCjlptdu8ksDfEXBjPZLjnxvM5Pg',NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('bob',NULL,'resident',NULL,1795841812975814,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('carol',NULL,'resident',NULL,1795841813017110,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
INSERT INTO accounts VALUES('dave',NULL,'resident',NULL,1795841813022336,NULL,0,NULL,0,NULL,NULL,0,0,0,NULL,'{}',NULL,NULL,0,NULL,0,NULL);
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
INSERT INTO links VALUES('fe1b41c7-1066-4816-a98d-54ded549dce8','alice','box','box_1','of-alice','Alice at the box','asserted',NULL,'/box/box_1/of-alice',1795841813012708);
INSERT INTO links VALUES('2f14ffce-73df-4a38-96bf-8de8cc5a01f5','carol','box','box_1','stays',NULL,'asserted',NULL,'/box/box_1/stays',1795841813017327);
INSERT INTO links VALUES('e2ac91b2-5dc6-416f-83ce-63fb640130ff','dave','box','box_1','ran-out',NULL,'asserted',NULL,'/box/box_1/ran-out',1795841813022456);
INSERT INTO links VALUES('d87fb825-2be3-4571-beea-192669d3a46a','bob','box','box_1','of-bob',NULL,'asserted','console','/box/box_1/of-bob',1795841813106797);
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
INSERT INTO token_sets VALUES('fe1b41c7-1066-4816-a98d-54ded549dce8','d4125b0d',X'5ff211dcddf534de8576ce0c0b1423a4385e3cd2b0df0e3582db4d0eb8e57bf089ec67f2449c837983b020a94a37a5c7ebc865b1ca6ef6aa988eb683',X'f9d10266e93af2ea5ab796ffc1731611db08c34b737bc0d408d21c5ef4e934ad84c1b3301c8f01e3e005e2',X'29e548f6042be903ea2235dd5bb30e9f91398c0cdd63d28deea9db59ae5534e0ff2ed0cd5e0f84f9f01f2a8e',NULL,NULL,NULL,3865787579522750180,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795841813011283,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO token_sets VALUES('2f14ffce-73df-4a38-96bf-8de8cc5a01f5','d4125b0d',X'4d05953463e64c9a30424cc1063619daddc85da0ca9dc614e5789171442984ab9f90522d51854487320f74122645c09781bb14621b0e21f44a27941a',X'5ef04dc78669db8df8f35824e0fe2890bd45efedeffc3793c32b50241b83db57b31658c2ef611a73a7c279',X'169562fb813eba0669bdd85128fcce818821ebaac12c433ff26c8dbf2fee961c2da9ccac3a91eb8d1efe3d94',NULL,NULL,NULL,3610520297719665923,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795841813016797,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
INSERT INTO token_sets VALUES('e2ac91b2-5dc6-416f-83ce-63fb640130ff','d4125b0d',X'e1e70e6c159fa65e7e6b85eecadee861e6e72335308f4d0cbf9c4ec0db8417145179501686e77c1cf2bedd531100d3c0668ae86350ab3cb59b349f15',X'b878ca07d40f3798c83e8de13b1643cdeeb180c54764a4deb51b533da2d6b732ece7d0ae2c071f221467',X'9c5ce9251a56ee998885101acf467198d84a2e683e24889760030455e9e732012504bbff9f7b4bfe10f179',NULL,1700000000000000,NULL,1436294708823145585,'ok',NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,1795841813022061,NULL,NULL,0,0,NULL,NULL,NULL,0,0,NULL);
CREATE TABLE link_uses (
    link_id   TEXT NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    last_used INTEGER NOT NULL
) STRICT;
INSERT INTO link_uses VALUES('fe1b41c7-1066-4816-a98d-54ded549dce8',1795841813141531);
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
INSERT INTO oauth_tokens VALUES(X'a62afb69d9e4fa4ef78099d94125418c9bf821fccacd79abfa6bd407d02fcaba','7f344d36-5d52-47f5-b7fd-60db4893ed94','console',NULL,'blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any blitz_api_sys_uaud',1795841813086789,1795845413086790,NULL);
CREATE TABLE vault_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    check_value BLOB NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
INSERT INTO vault_keys VALUES('d4125b0d',X'186747b53d9d8beaeea4cdac28bf566b9c23e277cec4f99263b341434527137f',1795841812882409);
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
INSERT INTO audit VALUES('f26a14d6-ca1a-414e-a84a-c2a8123a34c1',1795841812943127,'ACCOUNT_CREATED',NULL,'alice',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('1273afd0-711b-4548-97bf-bc1425ed668e',1795841812977450,'ACCOUNT_CREATED',NULL,'bob',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('12f63612-2225-4117-8848-3c5da8821268',1795841813012981,'FEDERATION_POINT_BOUND',NULL,'alice','box','box_1','of-alice','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('acc91c8b-740a-4c71-a5da-3aa27bf6cd6a',1795841813017237,'ACCOUNT_CREATED',NULL,'carol',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('c493de43-8593-4b6c-8d0a-aaec4bccb4e7',1795841813017549,'FEDERATION_POINT_BOUND',NULL,'carol','box','box_1','stays','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('c1331dbb-ba66-472c-8219-20138b3150e5',1795841813020284,'FEDERATION_POINT_BOUND',NULL,'carol','box','box_1','goes','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('8f9c5e6a-0e15-4547-b7ac-5401a8f15801',1795841813022396,'ACCOUNT_CREATED',NULL,'dave',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('43b07f44-c191-4233-8414-46316acc37e5',1795841813022628,'FEDERATION_POINT_BOUND',NULL,'dave','box','box_1','ran-out','asserted',NULL,NULL,NULL,1,NULL);
INSERT INTO audit VALUES('88ccf2c2-180d-435e-8243-d682f40335d4',1795841813107163,'FEDERATION_POINT_BOUND','console','bob','box','box_1','of-bob','asserted',NULL,'curl/7.88.1',NULL,1,NULL);
INSERT INTO audit VALUES('6cb98fe8-d3f4-4d26-8854-a3574cfd6d34',1795841813125203,'FEDERATION_POINT_UNBOUND','console','carol','box','box_1','goes',NULL,NULL,'curl/7.88.1',NULL,1,NULL);
INSERT INTO audit VALUES('b82f455a-78de-8ad2-ba61-bfa16848f5e5',1795841813000000,'FEDERATION_TOKENS_SERVED','console','alice','box','box_1','of-alice','fed_token',NULL,NULL,NULL,1,'94f8b4b6-5263-422a-a9da-e3211ee90253');
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
INSERT INTO revocations VALUES('7b4f6ec0-5e82-4e5c-b294-12cba2fee07e','carol','box','box_1','goes','d4125b0d',X'5db0ab79d0a36788f5e4b82f42ea6da9e865a0a70c4327ce48b3d6b2e64d2bdabbbaae7b478d4a79ffe55f8b5da255c81c6821a6aa2bfedcc39b1891',X'58a44e6b4c85a8c32fe195f1b89291ce82113cfc3ce0fdb664ee114bbcf4dc136519e99874eae603a53253e622cc67758a1949df5c28ee6fd6c779c8110f189f881d0c9bae3c5760e62d3ff7fdee6cc998a83f9b731a17',1,1795841875716463,1795841813124693,NULL);
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
INSERT INTO outbox VALUES(1,'crm','70a6044c-ac81-6dcd-1a21-6cfc54c6761f','12f63612-2225-4117-8848-3c5da8821268',1795841813012981,'FEDERATION_POINT_BOUND','alice','box','box_1','of-alice','asserted',0,1795841813013165,0,NULL,NULL);
INSERT INTO outbox VALUES(2,'crm','48d7033c-d850-f839-05e5-a6595deba440','c493de43-8593-4b6c-8d0a-aaec4bccb4e7',1795841813017549,'FEDERATION_POINT_BOUND','carol','box','box_1','stays','asserted',0,1795841813017603,0,NULL,NULL);
INSERT INTO outbox VALUES(3,'crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2','c1331dbb-ba66-472c-8219-20138b3150e5',1795841813020284,'FEDERATION_POINT_BOUND','carol','box','box_1','goes','asserted',0,1795841813020350,0,NULL,NULL);
INSERT INTO outbox VALUES(4,'crm','46f29119-3653-9541-3861-fbf2766a7324','43b07f44-c191-4233-8414-46316acc37e5',1795841813022628,'FEDERATION_POINT_BOUND','dave','box','box_1','ran-out','asserted',0,1795841813022674,0,NULL,NULL);
INSERT INTO outbox VALUES(5,'crm','226fe7e3-3dda-fe34-e4ad-e9dddc80ccda','88ccf2c2-180d-435e-8243-d682f40335d4',1795841813107163,'FEDERATION_POINT_BOUND','bob','box','box_1','of-bob','asserted',0,1795841813107343,0,NULL,NULL);
INSERT INTO outbox VALUES(6,'crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2','6cb98fe8-d3f4-4d26-8854-a3574cfd6d34',1795841813125203,'FEDERATION_POINT_UNBOUND','carol','box','box_1','goes',NULL,0,1795841813125315,0,NULL,NULL);
CREATE TABLE outbox_lanes (
    endpoint      TEXT NOT NULL,
    lane          TEXT NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,               -- failures in a row of the one whose turn it is
    failing_since INTEGER,
    PRIMARY KEY (endpoint, lane)
) STRICT;
INSERT INTO outbox_lanes VALUES('crm','70a6044c-ac81-6dcd-1a21-6cfc54c6761f',1795841822185285,2,1795841813071167);
INSERT INTO outbox_lanes VALUES('crm','48d7033c-d850-f839-05e5-a6595deba440',1795841823969641,2,1795841813072453);
INSERT INTO outbox_lanes VALUES('crm','8b84fc7f-8cb9-67e2-9127-1988844ec2a2',1795841823283580,2,1795841813072472);
INSERT INTO outbox_lanes VALUES('crm','46f29119-3653-9541-3861-fbf2766a7324',1795841826518838,2,1795841813072485);
INSERT INTO outbox_lanes VALUES('crm','226fe7e3-3dda-fe34-e4ad-e9dddc80ccda',1795841824557898,2,1795841813109654);
CREATE TABLE outbox_leases (
    endpoint    TEXT NOT NULL PRIMARY KEY,
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_leases VALUES('crm','0f241cf4-fe7b-401f-8bd5-5760290cd75d',1795841820148819);
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
INSERT INTO served_writers VALUES('8905b2d6-6d1e-480a-ac4c-fefb6b41533e','e57fbaba-7d78-4cea-8e53-e6c58048e56b',1795841814065674);
CREATE TABLE gone_links (
    id      TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    fp_type TEXT NOT NULL,
    fp_name TEXT NOT NULL,
    sid     TEXT NOT NULL,
    gone    INTEGER NOT NULL
) STRICT;
INSERT INTO gone_links VALUES('ec00e109-f76f-459f-ba7a-35506991bb6b','carol','box','box_1','goes',1795841813124844);
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
