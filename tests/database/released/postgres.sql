CREATE FUNCTION public.fedlink_now() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$SELECT clock_timestamp()$$;
CREATE TABLE public.__diesel_schema_migrations (
    version character varying(50) NOT NULL,
    run_on timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.accounts (
    subject text NOT NULL COLLATE pg_catalog."C",
    issuer text COLLATE pg_catalog."C",
    account_type text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL,
    email text COLLATE pg_catalog."C",
    email_verified boolean DEFAULT false NOT NULL,
    phone text COLLATE pg_catalog."C",
    phone_verified boolean DEFAULT false NOT NULL,
    password_hash text COLLATE pg_catalog."C",
    disabled_at timestamp with time zone,
    is_admin boolean DEFAULT false NOT NULL,
    is_support boolean DEFAULT false NOT NULL,
    two_factor boolean DEFAULT false NOT NULL,
    rights_set uuid,
    meta text DEFAULT '{}'::text NOT NULL COLLATE pg_catalog."C",
    external_system text COLLATE pg_catalog."C",
    external_email text COLLATE pg_catalog."C",
    external_email_verified boolean DEFAULT false NOT NULL,
    external_phone text COLLATE pg_catalog."C",
    external_phone_verified boolean DEFAULT false NOT NULL,
    updated timestamp with time zone
);
CREATE TABLE public.attempts (
    key text NOT NULL COLLATE pg_catalog."C",
    count integer NOT NULL,
    expires timestamp with time zone NOT NULL,
    opens timestamp with time zone
);
CREATE TABLE public.audit (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    event text NOT NULL COLLATE pg_catalog."C",
    client text COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    fp_type text COLLATE pg_catalog."C",
    fp_name text COLLATE pg_catalog."C",
    sid text COLLATE pg_catalog."C",
    detail text COLLATE pg_catalog."C",
    claimed_ip text COLLATE pg_catalog."C",
    claimed_agent text COLLATE pg_catalog."C",
    actor text COLLATE pg_catalog."C",
    count bigint DEFAULT 1 NOT NULL,
    batch uuid
);
CREATE TABLE public.client_assertions (
    client text NOT NULL,
    jti_hash bytea NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.condo_sessions (
    sid_hash bytea NOT NULL,
    subject text COLLATE pg_catalog."C",
    user_type text COLLATE pg_catalog."C",
    source text COLLATE pg_catalog."C",
    provider text COLLATE pg_catalog."C",
    client_id text COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE TABLE public.confirm_phone_actions (
    token_hash bytea NOT NULL,
    purpose text NOT NULL COLLATE pg_catalog."C",
    phone text NOT NULL COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    code_mac bytea NOT NULL,
    code_expires timestamp with time zone NOT NULL,
    retries integer NOT NULL,
    verified boolean NOT NULL,
    completed timestamp with time zone,
    expires timestamp with time zone NOT NULL,
    created timestamp with time zone NOT NULL,
    after_password boolean DEFAULT false NOT NULL
);
CREATE TABLE public.dropped_keys (
    id text NOT NULL COLLATE pg_catalog."C",
    dropped timestamp with time zone NOT NULL
);
CREATE TABLE public.employee_roles (
    id uuid NOT NULL,
    organization uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    granted text NOT NULL COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
CREATE TABLE public.employees (
    id uuid NOT NULL,
    organization uuid NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    role uuid,
    name text COLLATE pg_catalog."C",
    email text COLLATE pg_catalog."C",
    phone text COLLATE pg_catalog."C",
    is_accepted boolean NOT NULL,
    is_rejected boolean NOT NULL,
    is_blocked boolean NOT NULL,
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
CREATE TABLE public.flows (
    id uuid NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    fp_type text NOT NULL COLLATE pg_catalog."C",
    fp_name text NOT NULL COLLATE pg_catalog."C",
    callback text NOT NULL COLLATE pg_catalog."C",
    code_challenge text NOT NULL COLLATE pg_catalog."C",
    cookie_hash bytea,
    state_hash bytea,
    code_hash bytea,
    sid text COLLATE pg_catalog."C",
    user_name text COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    wrapped_key bytea NOT NULL,
    sealed bytea,
    opened timestamp with time zone,
    expires timestamp with time zone NOT NULL,
    created timestamp with time zone NOT NULL,
    popup boolean DEFAULT false NOT NULL,
    hint text
);
CREATE TABLE public.gone_links (
    id uuid NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    fp_type text NOT NULL COLLATE pg_catalog."C",
    fp_name text NOT NULL COLLATE pg_catalog."C",
    sid text NOT NULL COLLATE pg_catalog."C",
    gone timestamp with time zone NOT NULL
);
CREATE TABLE public.instances (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    keys text NOT NULL COLLATE pg_catalog."C",
    active text NOT NULL COLLATE pg_catalog."C",
    seen timestamp with time zone NOT NULL
);
CREATE TABLE public.issuer_rules (
    issuer text NOT NULL,
    subject_claim text NOT NULL
);
CREATE TABLE public.known_places (
    subject text NOT NULL COLLATE pg_catalog."C",
    place bytea NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    expires timestamp with time zone NOT NULL
);
CREATE TABLE public.link_uses (
    link_id uuid NOT NULL,
    last_used timestamp with time zone NOT NULL
);
CREATE TABLE public.links (
    id uuid NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    fp_type text NOT NULL COLLATE pg_catalog."C",
    fp_name text NOT NULL COLLATE pg_catalog."C",
    sid text NOT NULL COLLATE pg_catalog."C",
    user_name text COLLATE pg_catalog."C",
    proof text NOT NULL COLLATE pg_catalog."C",
    origin_client text COLLATE pg_catalog."C",
    exclusive_key text COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL
);
CREATE TABLE public.oauth_codes (
    code_hash bytea NOT NULL,
    client text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    redirect_uri text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    code_challenge text NOT NULL COLLATE pg_catalog."C",
    family uuid NOT NULL,
    used boolean NOT NULL,
    expires timestamp with time zone NOT NULL,
    claim uuid,
    claim_until timestamp with time zone
);
CREATE TABLE public.oauth_refresh_tokens (
    token_hash bytea NOT NULL,
    client text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    family uuid NOT NULL,
    used boolean NOT NULL,
    expires timestamp with time zone NOT NULL,
    claim uuid,
    claim_until timestamp with time zone,
    born_of uuid
);
CREATE TABLE public.oauth_tokens (
    token_hash bytea NOT NULL,
    id uuid NOT NULL,
    client text NOT NULL COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    scope text NOT NULL COLLATE pg_catalog."C",
    issued timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL,
    family uuid
);
CREATE TABLE public.organizations (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
CREATE TABLE public.outbox (
    seq bigint NOT NULL,
    endpoint text NOT NULL COLLATE pg_catalog."C",
    lane uuid NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    event text NOT NULL COLLATE pg_catalog."C",
    subject text COLLATE pg_catalog."C",
    fp_type text COLLATE pg_catalog."C",
    fp_name text COLLATE pg_catalog."C",
    sid text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    replayed boolean NOT NULL,
    queued_at timestamp with time zone NOT NULL,
    forgotten boolean NOT NULL,
    dead_at timestamp with time zone,
    failure text COLLATE pg_catalog."C"
);
CREATE TABLE public.outbox_lanes (
    endpoint text NOT NULL COLLATE pg_catalog."C",
    lane uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    attempts integer NOT NULL,
    failing_since timestamp with time zone
);
CREATE TABLE public.outbox_leases (
    endpoint text NOT NULL COLLATE pg_catalog."C",
    holder uuid NOT NULL,
    lease_until timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.outbox_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_seq_seq OWNED BY public.outbox.seq;
CREATE TABLE public.provider_rules (
    fp_type text NOT NULL COLLATE pg_catalog."C",
    fp_name text NOT NULL COLLATE pg_catalog."C",
    exclusive boolean NOT NULL
);
CREATE TABLE public.revocations (
    id uuid NOT NULL,
    subject text COLLATE pg_catalog."C",
    fp_type text NOT NULL COLLATE pg_catalog."C",
    fp_name text NOT NULL COLLATE pg_catalog."C",
    sid text COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    wrapped_key bytea NOT NULL,
    sealed bytea NOT NULL,
    attempts integer NOT NULL,
    retry_at timestamp with time zone NOT NULL,
    created timestamp with time zone NOT NULL,
    erased_sid text
);
CREATE TABLE public.rights_sets (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    granted text NOT NULL COLLATE pg_catalog."C",
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
CREATE TABLE public.served_pages (
    id uuid NOT NULL,
    writer uuid NOT NULL,
    hour bigint NOT NULL,
    level integer NOT NULL,
    entries integer NOT NULL,
    folded integer NOT NULL,
    written timestamp with time zone NOT NULL,
    page bytea NOT NULL
);
ALTER TABLE ONLY public.served_pages ALTER COLUMN page SET STORAGE EXTERNAL;
CREATE TABLE public.served_writers (
    writer uuid NOT NULL,
    batch uuid NOT NULL,
    written timestamp with time zone NOT NULL
);
CREATE TABLE public.sessions (
    cookie_hash bytea NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    authenticated timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE TABLE public.token_sets (
    link_id uuid NOT NULL,
    key_id text NOT NULL COLLATE pg_catalog."C",
    wrapped_key bytea NOT NULL,
    sealed_access bytea,
    sealed_refresh bytea,
    scope text COLLATE pg_catalog."C",
    expires_at timestamp with time zone,
    obtained_at timestamp with time zone,
    version bigint NOT NULL,
    health text NOT NULL COLLATE pg_catalog."C",
    health_since timestamp with time zone,
    attempt uuid,
    lease_until timestamp with time zone,
    unclosed_by uuid,
    retry_at timestamp with time zone,
    failures integer NOT NULL,
    sealed_params bytea,
    notice_at timestamp with time zone,
    second_look boolean DEFAULT false NOT NULL,
    imported_at timestamp with time zone,
    stated_life bigint,
    refresh_expires_at timestamp with time zone,
    abandoned boolean DEFAULT false NOT NULL,
    told boolean DEFAULT false NOT NULL,
    failed_at timestamp with time zone,
    refused_word text,
    refused_since timestamp with time zone,
    refused_times integer DEFAULT 0 NOT NULL,
    announced boolean DEFAULT false NOT NULL,
    warning_at timestamp with time zone
);
CREATE TABLE public.vault_keys (
    id text NOT NULL COLLATE pg_catalog."C",
    check_value bytea NOT NULL,
    created timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.outbox ALTER COLUMN seq SET DEFAULT nextval('public.outbox_seq_seq'::regclass);
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000000', '2026-11-28 04:14:55.267711');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000001', '2026-11-28 04:14:55.402568');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000002', '2026-11-28 04:14:55.406462');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000003', '2026-11-28 04:14:55.446463');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000004', '2026-11-28 04:14:55.466469');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000005', '2026-11-28 04:14:55.498521');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000006', '2026-11-28 04:14:55.610583');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000001', '2026-11-28 04:14:55.730558');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000002', '2026-11-28 04:14:55.754423');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000003', '2026-11-28 04:14:55.758378');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000004', '2026-11-28 04:14:55.766414');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000005', '2026-11-28 04:14:55.774441');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000007', '2026-11-28 04:14:55.778355');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000013', '2026-11-28 04:14:55.782422');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000021', '2026-11-28 04:14:55.794468');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000010', '2026-11-28 04:14:55.818562');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000011', '2026-11-28 04:14:55.850496');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000012', '2026-11-28 04:14:55.858456');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000013', '2026-11-28 04:14:55.894568');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000014', '2026-11-28 04:14:55.962633');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000015', '2026-11-28 04:14:55.978631');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000017', '2026-11-28 04:14:56.02649');
INSERT INTO public.accounts VALUES ('alice', NULL, 'resident', 'Alice of the release', '2026-11-28 04:14:56.106335+00', NULL, false, NULL, false, '$argon2id$v=19$m=19456,t=2,p=1$fz7T6wwbt5oGNdvkaZ2pdg$0vNIb8xIdqWI4ouPMlfQg07IACNHH/q8UDIgh9bw0io', NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('bob', NULL, 'resident', NULL, '2026-11-28 04:14:56.295137+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('carol', NULL, 'resident', NULL, '2026-11-28 04:14:56.396271+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('dave', NULL, 'resident', NULL, '2026-11-28 04:14:56.419141+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.audit VALUES ('c22f9d07-1d18-4ef8-a076-dd2831a7f17b', '2026-11-28 04:14:56.216601+00', 'ACCOUNT_CREATED', NULL, 'alice', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('58b4325b-8366-4af3-a42e-793342a0a35f', '2026-11-28 04:14:56.308638+00', 'ACCOUNT_CREATED', NULL, 'bob', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('12277002-ce0b-4df2-b03c-8eb19658356f', '2026-11-28 04:14:56.387304+00', 'FEDERATION_POINT_BOUND', NULL, 'alice', 'box', 'box_1', 'of-alice', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('4086f535-5464-4f64-9a08-d6cd9fbee4ae', '2026-11-28 04:14:56.396787+00', 'ACCOUNT_CREATED', NULL, 'carol', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('71e672d0-8f31-4106-9052-56cb5cd6d635', '2026-11-28 04:14:56.397656+00', 'FEDERATION_POINT_BOUND', NULL, 'carol', 'box', 'box_1', 'stays', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('a5a1036b-0402-4dd8-9c88-98bca1eeae17', '2026-11-28 04:14:56.409832+00', 'FEDERATION_POINT_BOUND', NULL, 'carol', 'box', 'box_1', 'goes', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('55b632dd-bd09-4bcf-810e-c15e314d521f', '2026-11-28 04:14:56.419509+00', 'ACCOUNT_CREATED', NULL, 'dave', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('291f4326-649f-4c66-82b1-cb9e1482aaf6', '2026-11-28 04:14:56.420117+00', 'FEDERATION_POINT_BOUND', NULL, 'dave', 'box', 'box_1', 'ran-out', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('86720651-7c6c-4fd8-a354-d11bf2e267c7', '2026-11-28 04:14:56.657765+00', 'FEDERATION_POINT_BOUND', 'console', 'bob', 'box', 'box_1', 'of-bob', 'asserted', NULL, 'curl/7.88.1', NULL, 1, NULL);
INSERT INTO public.audit VALUES ('f45cef01-6ae4-41a0-8306-fbd61e791bf2', '2026-11-28 04:14:56.688999+00', 'FEDERATION_POINT_UNBOUND', 'console', 'carol', 'box', 'box_1', 'goes', NULL, NULL, 'curl/7.88.1', NULL, 1, NULL);
INSERT INTO public.audit VALUES ('6ad81a05-1f15-8ed0-a62d-a7df29425bc7', '2026-11-28 04:14:56+00', 'FEDERATION_TOKENS_SERVED', 'console', 'alice', 'box', 'box_1', 'of-alice', 'fed_token', NULL, NULL, NULL, 1, '0894ad2f-42a4-4b07-8128-6a4d07df310b');
INSERT INTO public.gone_links VALUES ('947c63b3-0ac0-49aa-94f9-275635c53c33', 'carol', 'box', 'box_1', 'goes', '2026-11-28 04:14:56.682033+00');
INSERT INTO public.link_uses VALUES ('7cb1cb40-5c72-470c-baf9-c47e52509e72', '2026-11-28 04:14:56.709889+00');
INSERT INTO public.links VALUES ('7cb1cb40-5c72-470c-baf9-c47e52509e72', 'alice', 'box', 'box_1', 'of-alice', 'Alice at the box', 'asserted', NULL, '/box/box_1/of-alice', '2026-11-28 04:14:56.385137+00');
INSERT INTO public.links VALUES ('93183637-63fe-4b8a-a78d-8de5fa3bb400', 'carol', 'box', 'box_1', 'stays', NULL, 'asserted', NULL, '/box/box_1/stays', '2026-11-28 04:14:56.397285+00');
INSERT INTO public.links VALUES ('4b1cd81b-07ce-4c42-a49b-dd9abb1afa04', 'dave', 'box', 'box_1', 'ran-out', NULL, 'asserted', NULL, '/box/box_1/ran-out', '2026-11-28 04:14:56.419786+00');
INSERT INTO public.links VALUES ('cf40fdbe-0a06-4556-bd91-dd82de521d3c', 'bob', 'box', 'box_1', 'of-bob', NULL, 'asserted', 'console', '/box/box_1/of-bob', '2026-11-28 04:14:56.656483+00');
INSERT INTO public.oauth_tokens VALUES ('\xb5acd9935de37835b154d6934bfc90ac2ccc6465d7746af442b36a8bf8fbf78a', 'b685598e-2206-4ac2-b825-b732e7937656', 'console', NULL, 'blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any blitz_api_sys_uaud', '2026-11-28 04:14:56.636257+00', '2026-11-28 05:14:56.636258+00', NULL);
INSERT INTO public.outbox VALUES (1, 'crm', '70a6044c-ac81-6dcd-1a21-6cfc54c6761f', '12277002-ce0b-4df2-b03c-8eb19658356f', '2026-11-28 04:14:56.387304+00', 'FEDERATION_POINT_BOUND', 'alice', 'box', 'box_1', 'of-alice', 'asserted', false, '2026-11-28 04:14:56.392418+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (2, 'crm', '48d7033c-d850-f839-05e5-a6595deba440', '71e672d0-8f31-4106-9052-56cb5cd6d635', '2026-11-28 04:14:56.397656+00', 'FEDERATION_POINT_BOUND', 'carol', 'box', 'box_1', 'stays', 'asserted', false, '2026-11-28 04:14:56.403812+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (3, 'crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', 'a5a1036b-0402-4dd8-9c88-98bca1eeae17', '2026-11-28 04:14:56.409832+00', 'FEDERATION_POINT_BOUND', 'carol', 'box', 'box_1', 'goes', 'asserted', false, '2026-11-28 04:14:56.4117+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (4, 'crm', '46f29119-3653-9541-3861-fbf2766a7324', '291f4326-649f-4c66-82b1-cb9e1482aaf6', '2026-11-28 04:14:56.420117+00', 'FEDERATION_POINT_BOUND', 'dave', 'box', 'box_1', 'ran-out', 'asserted', false, '2026-11-28 04:14:56.422107+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (5, 'crm', '226fe7e3-3dda-fe34-e4ad-e9dddc80ccda', '86720651-7c6c-4fd8-a354-d11bf2e267c7', '2026-11-28 04:14:56.657765+00', 'FEDERATION_POINT_BOUND', 'bob', 'box', 'box_1', 'of-bob', 'asserted', false, '2026-11-28 04:14:56.661784+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (6, 'crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', 'f45cef01-6ae4-41a0-8306-fbd61e791bf2', '2026-11-28 04:14:56.688999+00', 'FEDERATION_POINT_UNBOUND', 'carol', 'box', 'box_1', 'goes', NULL, false, '2026-11-28 04:14:56.689715+00', false, NULL, NULL);
INSERT INTO public.outbox_lanes VALUES ('crm', '226fe7e3-3dda-fe34-e4ad-e9dddc80ccda', '2026-11-28 04:15:09.053729+00', 2, '2026-11-28 04:14:56.669632+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', '2026-11-28 04:15:07.387899+00', 2, '2026-11-28 04:14:56.642421+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '48d7033c-d850-f839-05e5-a6595deba440', '2026-11-28 04:15:07.427594+00', 2, '2026-11-28 04:14:56.635988+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '46f29119-3653-9541-3861-fbf2766a7324', '2026-11-28 04:15:07.192534+00', 2, '2026-11-28 04:14:56.624051+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '70a6044c-ac81-6dcd-1a21-6cfc54c6761f', '2026-11-28 04:15:07.741518+00', 2, '2026-11-28 04:14:56.636239+00');
INSERT INTO public.outbox_leases VALUES ('crm', 'db55f6d4-0ad6-4110-b9b4-8cbf4dfc7372', '2026-11-28 04:15:03.719645+00');
INSERT INTO public.provider_rules VALUES ('box', 'box_1', true);
INSERT INTO public.revocations VALUES ('7c582807-cce2-4fb8-a140-17a74ae8994c', 'carol', 'box', 'box_1', 'goes', 'd4125b0d', '\x1011f0c9e211e6ee93a15759174e611a2ed6080c1f5177f1c6609d61482b4c025d748c60a6587ae6751890b259a248fc5c00b4fd670c31aa9001999c', '\xc35ebdb8109c10bcec469348caae548d5797a7ec24beed311886e110b301de19cc4c779fe726b191a178ebbce60994a8ef8cc215f7d0eede728051a301d8eefd2333c0f2731fc6e70cf51b3cdbcb02bb10ff60b024aad3', 1, '2026-11-28 04:15:31.689901+00', '2026-11-28 04:14:56.681071+00', NULL);
INSERT INTO public.served_writers VALUES ('3b8054b7-fccf-4799-b426-8d7834bd75a4', 'ddfba527-604b-406a-855c-0051601cc391', '2026-11-28 04:14:57.561845+00');
INSERT INTO public.token_sets VALUES ('7cb1cb40-5c72-470c-baf9-c47e52509e72', 'd4125b0d', '\xe9e2da900b567cdc8b6d72923de6729c0d5af9e8b9204851cedfa1ac18fa9aa35c5f0789c640e9ff5a729114b35964ed0a354f235269280d9e7bc64a', '\xfbbee9edd3bd0afc3343e00fd83fecf6600205ae98ca6533585062bf2a6cc4dbeffb2cd7d71f12d08abe68', '\xd8d8fe7b7d6011beb2c465a58c59c08b5773c65f0e9b98fb1d64e852bde251d4eaa69522930665c786acc421', NULL, NULL, NULL, 785182057341331682, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:14:56.382497+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.token_sets VALUES ('93183637-63fe-4b8a-a78d-8de5fa3bb400', 'd4125b0d', '\x866b4e623a3f5f9778a9cedc011dc1e3d9099ebc187a6bbd2716e83836530ad535589bc85567ffe1b8c621454cff44acc2673cedb0491912bbed4307', '\xd38ef25b702b46f87829b94dacb485578ae91c60a8325e2eda0ee80cfcc3790e52a032b7ab5ca6683a3d73', '\x997c818206f75753a19b07ff9cdfb8db14fc181eaaa89bf097827a00d6d16e926464af917b063d3b406981cb', NULL, NULL, NULL, 3935508777015359997, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:14:56.395489+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.token_sets VALUES ('4b1cd81b-07ce-4c42-a49b-dd9abb1afa04', 'd4125b0d', '\x2535a90708db4f8d3bf67a41bc7252bc7c932652234544ef7af12d28d8bca49bb41df5ded229fe1c90e8071717fcd11a9505fe66ddf20f56e214407f', '\x38dd733f968249e15a83e0599dd9193c7a626a19b0da370cde211d00c21a928f24e471d6927edd87e8be', '\x3d796b9c87d4a9fdb5a2ed7fa3278fa3e75e63b528a698f5241ebd07e9e69dea409d922f9988bfd24b2146', NULL, '2023-11-14 22:13:20+00', NULL, 2213856742972036739, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:14:56.418411+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.vault_keys VALUES ('d4125b0d', '\x186747b53d9d8beaeea4cdac28bf566b9c23e277cec4f99263b341434527137f', '2026-11-28 04:14:56.075688+00');
ALTER TABLE ONLY public.__diesel_schema_migrations
    ADD CONSTRAINT __diesel_schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (subject);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.client_assertions
    ADD CONSTRAINT client_assertions_pkey PRIMARY KEY (client, jti_hash);
ALTER TABLE ONLY public.condo_sessions
    ADD CONSTRAINT condo_sessions_pkey PRIMARY KEY (sid_hash);
ALTER TABLE ONLY public.confirm_phone_actions
    ADD CONSTRAINT confirm_phone_actions_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.dropped_keys
    ADD CONSTRAINT dropped_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.employee_roles
    ADD CONSTRAINT employee_roles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_code_hash_key UNIQUE (code_hash);
ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_state_hash_key UNIQUE (state_hash);
ALTER TABLE ONLY public.gone_links
    ADD CONSTRAINT gone_links_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.issuer_rules
    ADD CONSTRAINT issuer_rules_pkey PRIMARY KEY (issuer);
ALTER TABLE ONLY public.known_places
    ADD CONSTRAINT known_places_pkey PRIMARY KEY (subject, place);
ALTER TABLE ONLY public.link_uses
    ADD CONSTRAINT link_uses_pkey PRIMARY KEY (link_id);
ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_exclusive_key_key UNIQUE (exclusive_key);
ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_subject_fp_type_fp_name_sid_key UNIQUE (subject, fp_type, fp_name, sid);
ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT oauth_codes_pkey PRIMARY KEY (code_hash);
ALTER TABLE ONLY public.oauth_refresh_tokens
    ADD CONSTRAINT oauth_refresh_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.oauth_tokens
    ADD CONSTRAINT oauth_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox_lanes
    ADD CONSTRAINT outbox_lanes_pkey PRIMARY KEY (endpoint, lane);
ALTER TABLE ONLY public.outbox_leases
    ADD CONSTRAINT outbox_leases_pkey PRIMARY KEY (endpoint);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.provider_rules
    ADD CONSTRAINT provider_rules_pkey PRIMARY KEY (fp_type, fp_name);
ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rights_sets
    ADD CONSTRAINT rights_sets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.served_pages
    ADD CONSTRAINT served_pages_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.served_writers
    ADD CONSTRAINT served_writers_pkey PRIMARY KEY (writer);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (cookie_hash);
ALTER TABLE ONLY public.token_sets
    ADD CONSTRAINT token_sets_pkey PRIMARY KEY (link_id);
ALTER TABLE ONLY public.vault_keys
    ADD CONSTRAINT vault_keys_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX accounts_email ON public.accounts USING btree (account_type, email);
CREATE INDEX accounts_enabled ON public.accounts USING btree (subject, disabled_at);
CREATE UNIQUE INDEX accounts_phone ON public.accounts USING btree (account_type, phone);
CREATE INDEX attempts_expires ON public.attempts USING btree (expires);
CREATE INDEX audit_actor ON public.audit USING btree (actor) WHERE (actor IS NOT NULL);
CREATE INDEX audit_at ON public.audit USING btree (at, id);
CREATE INDEX audit_event ON public.audit USING btree (event, at, id);
CREATE INDEX audit_sid ON public.audit USING btree (fp_type, fp_name, sid, at, id) WHERE (sid IS NOT NULL);
CREATE INDEX audit_subject ON public.audit USING btree (subject, at, id) WHERE (subject IS NOT NULL);
CREATE INDEX client_assertions_until ON public.client_assertions USING btree (until);
CREATE INDEX condo_sessions_expires ON public.condo_sessions USING btree (expires);
CREATE INDEX condo_sessions_subject ON public.condo_sessions USING btree (subject);
CREATE INDEX confirm_phone_actions_expires ON public.confirm_phone_actions USING btree (expires);
CREATE INDEX confirm_phone_actions_phone ON public.confirm_phone_actions USING btree (phone, created);
CREATE INDEX confirm_phone_actions_subject ON public.confirm_phone_actions USING btree (subject);
CREATE INDEX employee_roles_organization ON public.employee_roles USING btree (organization);
CREATE UNIQUE INDEX employees_once ON public.employees USING btree (subject, organization) WHERE (deleted_at IS NULL);
CREATE INDEX employees_organization ON public.employees USING btree (organization);
CREATE INDEX employees_role ON public.employees USING btree (role);
CREATE INDEX employees_subject ON public.employees USING btree (subject);
CREATE INDEX flows_expires ON public.flows USING btree (expires);
CREATE INDEX flows_key ON public.flows USING btree (key_id, id);
CREATE INDEX flows_subject ON public.flows USING btree (subject, client);
CREATE INDEX gone_links_account ON public.gone_links USING btree (fp_type, fp_name, sid);
CREATE INDEX gone_links_gone ON public.gone_links USING btree (gone);
CREATE INDEX gone_links_subject ON public.gone_links USING btree (subject);
CREATE INDEX known_places_expires ON public.known_places USING btree (expires);
CREATE INDEX known_places_place ON public.known_places USING btree (place);
CREATE INDEX links_account ON public.links USING btree (fp_type, fp_name, sid, id);
CREATE INDEX links_provider ON public.links USING btree (fp_type, fp_name, id);
CREATE INDEX oauth_codes_expires ON public.oauth_codes USING btree (expires);
CREATE INDEX oauth_codes_subject ON public.oauth_codes USING btree (subject);
CREATE INDEX oauth_refresh_tokens_expires ON public.oauth_refresh_tokens USING btree (expires);
CREATE INDEX oauth_refresh_tokens_family ON public.oauth_refresh_tokens USING btree (family);
CREATE INDEX oauth_refresh_tokens_subject ON public.oauth_refresh_tokens USING btree (subject);
CREATE INDEX oauth_tokens_expires ON public.oauth_tokens USING btree (expires);
CREATE INDEX oauth_tokens_family ON public.oauth_tokens USING btree (family);
CREATE INDEX oauth_tokens_subject ON public.oauth_tokens USING btree (subject);
CREATE INDEX outbox_account ON public.outbox USING btree (fp_type, fp_name, sid) WHERE (sid IS NOT NULL);
CREATE INDEX outbox_dead ON public.outbox USING btree (endpoint, seq) WHERE (dead_at IS NOT NULL);
CREATE INDEX outbox_dead_at ON public.outbox USING btree (dead_at) WHERE (dead_at IS NOT NULL);
CREATE UNIQUE INDEX outbox_id ON public.outbox USING btree (id, endpoint);
CREATE INDEX outbox_lane ON public.outbox USING btree (endpoint, lane, seq) WHERE (dead_at IS NULL);
CREATE INDEX outbox_lanes_due ON public.outbox_lanes USING btree (endpoint, due_at);
CREATE INDEX outbox_subject ON public.outbox USING btree (subject) WHERE (subject IS NOT NULL);
CREATE INDEX outbox_waiting ON public.outbox USING btree (endpoint, seq) WHERE (dead_at IS NULL);
CREATE INDEX revocations_key ON public.revocations USING btree (key_id, id);
CREATE INDEX revocations_retry_at ON public.revocations USING btree (retry_at);
CREATE INDEX sessions_expires ON public.sessions USING btree (expires);
CREATE INDEX sessions_subject ON public.sessions USING btree (subject);
CREATE INDEX token_sets_ailing ON public.token_sets USING btree (health, link_id) WHERE (health <> 'ok'::text);
CREATE INDEX token_sets_announced ON public.token_sets USING btree (health) WHERE announced;
CREATE INDEX token_sets_expires ON public.token_sets USING btree (expires_at);
CREATE INDEX token_sets_key ON public.token_sets USING btree (key_id, link_id);
CREATE INDEX token_sets_marked ON public.token_sets USING btree (health_since) WHERE (health_since IS NOT NULL);
CREATE INDEX token_sets_notice ON public.token_sets USING btree (notice_at) WHERE (notice_at IS NOT NULL);
CREATE INDEX token_sets_obtained ON public.token_sets USING btree (obtained_at);
CREATE INDEX token_sets_unstated ON public.token_sets USING btree (expires_at, COALESCE(obtained_at, imported_at)) WHERE (expires_at IS NULL);
CREATE INDEX token_sets_warning ON public.token_sets USING btree (warning_at) WHERE (warning_at IS NOT NULL);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_rights_set_fkey FOREIGN KEY (rights_set) REFERENCES public.rights_sets(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.condo_sessions
    ADD CONSTRAINT condo_sessions_subject_fkey FOREIGN KEY (subject) REFERENCES public.accounts(subject) ON DELETE CASCADE;
ALTER TABLE ONLY public.confirm_phone_actions
    ADD CONSTRAINT confirm_phone_actions_subject_fkey FOREIGN KEY (subject) REFERENCES public.accounts(subject) ON DELETE CASCADE;
ALTER TABLE ONLY public.employee_roles
    ADD CONSTRAINT employee_roles_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_organization_fkey FOREIGN KEY (organization) REFERENCES public.organizations(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_role_fkey FOREIGN KEY (role) REFERENCES public.employee_roles(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_subject_fkey FOREIGN KEY (subject) REFERENCES public.accounts(subject) ON DELETE CASCADE;
ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_key_on_record FOREIGN KEY (key_id) REFERENCES public.vault_keys(id) NOT VALID;
ALTER TABLE ONLY public.known_places
    ADD CONSTRAINT known_places_subject_fkey FOREIGN KEY (subject) REFERENCES public.accounts(subject) ON DELETE CASCADE;
ALTER TABLE ONLY public.link_uses
    ADD CONSTRAINT link_uses_link_id_fkey FOREIGN KEY (link_id) REFERENCES public.links(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.vault_keys(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_subject_fkey FOREIGN KEY (subject) REFERENCES public.accounts(subject) ON DELETE CASCADE;
ALTER TABLE ONLY public.token_sets
    ADD CONSTRAINT token_sets_key_on_record FOREIGN KEY (key_id) REFERENCES public.vault_keys(id) NOT VALID;
ALTER TABLE ONLY public.token_sets
    ADD CONSTRAINT token_sets_link_id_fkey FOREIGN KEY (link_id) REFERENCES public.links(id) ON DELETE CASCADE;
