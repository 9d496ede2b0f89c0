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
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000000', '2026-11-28 04:57:00.362005');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000001', '2026-11-28 04:57:00.396629');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000002', '2026-11-28 04:57:00.397763');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000003', '2026-11-28 04:57:00.407439');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000004', '2026-11-28 04:57:00.415641');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000005', '2026-11-28 04:57:00.425707');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261122000006', '2026-11-28 04:57:00.455634');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000001', '2026-11-28 04:57:00.495081');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000002', '2026-11-28 04:57:00.502113');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000003', '2026-11-28 04:57:00.503368');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000004', '2026-11-28 04:57:00.506832');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000005', '2026-11-28 04:57:00.508851');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000007', '2026-11-28 04:57:00.511159');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000013', '2026-11-28 04:57:00.512192');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261126000021', '2026-11-28 04:57:00.513942');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000010', '2026-11-28 04:57:00.51951');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000011', '2026-11-28 04:57:00.527475');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000012', '2026-11-28 04:57:00.529496');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000013', '2026-11-28 04:57:00.536366');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000014', '2026-11-28 04:57:00.55708');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000015', '2026-11-28 04:57:00.56313');
INSERT INTO public.__diesel_schema_migrations VALUES ('20261127000017', '2026-11-28 04:57:00.578361');
INSERT INTO public.accounts VALUES ('alice', NULL, 'resident', 'Alice of the release', '2026-11-28 04:57:00.630463+00', NULL, false, NULL, false, '$argon2id$v=19$m=19456,t=2,p=1$yYtNctgts9MPXLx2z2DukQ$bWDu5WgBUwbTnZXymieWJQcLo6htZa7hlO7p06s6YEA', NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('bob', NULL, 'resident', NULL, '2026-11-28 04:57:00.751028+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('carol', NULL, 'resident', NULL, '2026-11-28 04:57:00.856041+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.accounts VALUES ('dave', NULL, 'resident', NULL, '2026-11-28 04:57:00.868304+00', NULL, false, NULL, false, NULL, NULL, false, false, false, NULL, '{}', NULL, NULL, false, NULL, false, NULL);
INSERT INTO public.audit VALUES ('116bc11d-5522-448d-aba1-a12b2e4754cf', '2026-11-28 04:57:00.688067+00', 'ACCOUNT_CREATED', NULL, 'alice', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('50107243-89dc-4fae-acf4-865f4645696b', '2026-11-28 04:57:00.761783+00', 'ACCOUNT_CREATED', NULL, 'bob', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('b47f7ead-e6fa-45da-a0f5-37f54418d47e', '2026-11-28 04:57:00.840782+00', 'FEDERATION_POINT_BOUND', NULL, 'alice', 'box', 'box_1', 'of-alice', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('e2be34cf-6beb-4f14-b2e3-759f41f79cbc', '2026-11-28 04:57:00.856679+00', 'ACCOUNT_CREATED', NULL, 'carol', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('d1bc02c5-cc89-4379-a0e0-b9e5e3ff0538', '2026-11-28 04:57:00.857652+00', 'FEDERATION_POINT_BOUND', NULL, 'carol', 'box', 'box_1', 'stays', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('ca7490e1-f7a4-41df-a363-f09be423ef92', '2026-11-28 04:57:00.863283+00', 'FEDERATION_POINT_BOUND', NULL, 'carol', 'box', 'box_1', 'goes', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('1220b083-76d8-44b6-9701-10cbf43f98bc', '2026-11-28 04:57:00.868727+00', 'ACCOUNT_CREATED', NULL, 'dave', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('d60e6c9a-51fd-46f9-af62-249803b83e6b', '2026-11-28 04:57:00.86946+00', 'FEDERATION_POINT_BOUND', NULL, 'dave', 'box', 'box_1', 'ran-out', 'asserted', NULL, NULL, NULL, 1, NULL);
INSERT INTO public.audit VALUES ('d11dc2ac-298b-4f04-959c-0f4253232279', '2026-11-28 04:57:01.039476+00', 'FEDERATION_POINT_BOUND', 'console', 'bob', 'box', 'box_1', 'of-bob', 'asserted', NULL, 'curl/7.88.1', NULL, 1, NULL);
INSERT INTO public.audit VALUES ('2e5b15b5-86d7-4f2f-a77c-313ddb04282f', '2026-11-28 04:57:01.05839+00', 'FEDERATION_POINT_UNBOUND', 'console', 'carol', 'box', 'box_1', 'goes', NULL, NULL, 'curl/7.88.1', NULL, 1, NULL);
INSERT INTO public.audit VALUES ('0afe1c4f-ee50-81b2-aea1-1650f69a0035', '2026-11-28 04:57:01+00', 'FEDERATION_TOKENS_SERVED', 'console', 'alice', 'box', 'box_1', 'of-alice', 'fed_token', NULL, NULL, NULL, 1, '7662760f-7afc-4fa8-892b-d7dbcb80ed15');
INSERT INTO public.gone_links VALUES ('518f63c5-2006-4f3b-ac99-00fe53b2ff26', 'carol', 'box', 'box_1', 'goes', '2026-11-28 04:57:01.056877+00');
INSERT INTO public.link_uses VALUES ('e7245564-b994-4ecf-9da0-8c22d20ce3a9', '2026-11-28 04:57:01.072473+00');
INSERT INTO public.links VALUES ('e7245564-b994-4ecf-9da0-8c22d20ce3a9', 'alice', 'box', 'box_1', 'of-alice', 'Alice at the box', 'asserted', NULL, '/box/box_1/of-alice', '2026-11-28 04:57:00.839301+00');
INSERT INTO public.links VALUES ('651d9921-e605-4538-a153-fe84f605b526', 'carol', 'box', 'box_1', 'stays', NULL, 'asserted', NULL, '/box/box_1/stays', '2026-11-28 04:57:00.857116+00');
INSERT INTO public.links VALUES ('fcba6f30-b3af-4b44-bc2a-9dbb03854187', 'dave', 'box', 'box_1', 'ran-out', NULL, 'asserted', NULL, '/box/box_1/ran-out', '2026-11-28 04:57:00.869092+00');
INSERT INTO public.links VALUES ('5e60423d-ceac-4c6b-94f7-89115cd0b6c3', 'bob', 'box', 'box_1', 'of-bob', NULL, 'asserted', 'console', '/box/box_1/of-bob', '2026-11-28 04:57:01.038897+00');
INSERT INTO public.oauth_tokens VALUES ('\x83b692cfde908be5bccb6b278d55ebfaf5025a22eab660c83904b4df89f279f7', 'eb81a99c-9505-4d56-9973-db3be7b2c670', 'console', NULL, 'blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any blitz_api_sys_uaud', '2026-11-28 04:57:00.991479+00', '2026-11-28 05:57:00.991479+00', NULL);
INSERT INTO public.outbox VALUES (1, 'crm', '70a6044c-ac81-6dcd-1a21-6cfc54c6761f', 'b47f7ead-e6fa-45da-a0f5-37f54418d47e', '2026-11-28 04:57:00.840782+00', 'FEDERATION_POINT_BOUND', 'alice', 'box', 'box_1', 'of-alice', 'asserted', false, '2026-11-28 04:57:00.84931+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (2, 'crm', '48d7033c-d850-f839-05e5-a6595deba440', 'd1bc02c5-cc89-4379-a0e0-b9e5e3ff0538', '2026-11-28 04:57:00.857652+00', 'FEDERATION_POINT_BOUND', 'carol', 'box', 'box_1', 'stays', 'asserted', false, '2026-11-28 04:57:00.860568+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (3, 'crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', 'ca7490e1-f7a4-41df-a363-f09be423ef92', '2026-11-28 04:57:00.863283+00', 'FEDERATION_POINT_BOUND', 'carol', 'box', 'box_1', 'goes', 'asserted', false, '2026-11-28 04:57:00.865907+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (4, 'crm', '46f29119-3653-9541-3861-fbf2766a7324', 'd60e6c9a-51fd-46f9-af62-249803b83e6b', '2026-11-28 04:57:00.86946+00', 'FEDERATION_POINT_BOUND', 'dave', 'box', 'box_1', 'ran-out', 'asserted', false, '2026-11-28 04:57:00.87109+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (5, 'crm', '226fe7e3-3dda-fe34-e4ad-e9dddc80ccda', 'd11dc2ac-298b-4f04-959c-0f4253232279', '2026-11-28 04:57:01.039476+00', 'FEDERATION_POINT_BOUND', 'bob', 'box', 'box_1', 'of-bob', 'asserted', false, '2026-11-28 04:57:01.040883+00', false, NULL, NULL);
INSERT INTO public.outbox VALUES (6, 'crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', '2e5b15b5-86d7-4f2f-a77c-313ddb04282f', '2026-11-28 04:57:01.05839+00', 'FEDERATION_POINT_UNBOUND', 'carol', 'box', 'box_1', 'goes', NULL, false, '2026-11-28 04:57:01.059212+00', false, NULL, NULL);
INSERT INTO public.outbox_lanes VALUES ('crm', '48d7033c-d850-f839-05e5-a6595deba440', '2026-11-28 04:57:13.188138+00', 2, '2026-11-28 04:57:01.000261+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '70a6044c-ac81-6dcd-1a21-6cfc54c6761f', '2026-11-28 04:57:12.875154+00', 2, '2026-11-28 04:57:01.000529+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '46f29119-3653-9541-3861-fbf2766a7324', '2026-11-28 04:57:15.109279+00', 2, '2026-11-28 04:57:01.016683+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '8b84fc7f-8cb9-67e2-9127-1988844ec2a2', '2026-11-28 04:57:15.795921+00', 2, '2026-11-28 04:57:01.014357+00');
INSERT INTO public.outbox_lanes VALUES ('crm', '226fe7e3-3dda-fe34-e4ad-e9dddc80ccda', '2026-11-28 04:57:15.521688+00', 2, '2026-11-28 04:57:01.045556+00');
INSERT INTO public.outbox_leases VALUES ('crm', '915832a4-5120-449f-ae42-e2abd73952ba', '2026-11-28 04:57:08.079956+00');
INSERT INTO public.provider_rules VALUES ('box', 'box_1', true);
INSERT INTO public.revocations VALUES ('8eab38fe-dfad-4645-9093-710cd333bdfc', 'carol', 'box', 'box_1', 'goes', 'd4125b0d', '\x6eb1f43c69f514569dfbb71b79796833d6a37df3763675079de4272216fa2a2f6a166ac91607b3dcf7ae4d8abf67fbb22bd787edf8fcad23497f94c1', '\x756cd195d08ef4f6fccd31aa57586d711898d904f7000e404f47478451ad73e1bd7ee5b663c82f1dce35004b900300a3e65736b3cf08a9e99ae28de8f43c4eb8bdb2663d292cb4350edecff6a6979f49fcce4089894182', 1, '2026-11-28 04:57:57.019204+00', '2026-11-28 04:57:01.055988+00', NULL);
INSERT INTO public.served_writers VALUES ('0f18ff86-c5e4-4d73-a642-2309a1875016', 'cef917f7-0279-4dd1-90a4-074ec195d0e1', '2026-11-28 04:57:01.955637+00');
INSERT INTO public.token_sets VALUES ('e7245564-b994-4ecf-9da0-8c22d20ce3a9', 'd4125b0d', '\x4b185928bb6f901439f5a1884560b290e854c56dedaabf35c7262493102e2226d7980564c2a92beee89d721bd7501b5bb65ddf5364bed68d870efa56', '\x201f9a277caa231d4591bda43205e049219f6dd2a923c4210503bdbe5d122ab619846d6a35b806e0550c05', '\xcfd3983759defc716dddb2a6fcf1a6e9bba0b9bd93afb29a333d824a838e3018f87fbcf072400a5079324d50', NULL, NULL, NULL, 2736503040477592086, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:57:00.8334+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.token_sets VALUES ('651d9921-e605-4538-a153-fe84f605b526', 'd4125b0d', '\x740243194ba1283ce01f7e396ffb09f9d519ed496d16ec0b0aea5215e7ae645baf9284801db2460ddbbb78408727bc48358150896a6ac102382cc656', '\xfde06e778fe39c9ea10c9af089254468e8da90e41115eadbb11582b0d5fa5454be3dde66d4517478bdd52b', '\x3bb2f0345f87c59aa371e10558634100fa557f445c7bddb9aa87fa97faeee763232b6d0d374e336381894901', NULL, NULL, NULL, 2283266260342311816, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:57:00.854796+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.token_sets VALUES ('fcba6f30-b3af-4b44-bc2a-9dbb03854187', 'd4125b0d', '\x4cebf574716c8d791934ebc72da36439a1cc5dabb62fa895d46b5ec55b04b0c9ace72a64ef72bb256b43877703e54052148191c1512b5a5a85f74853', '\x158b99fc81617484505f247c0b838b39c47e28e96370800c114323bff25dbc74c79f5e6681937a817163', '\x5cfc3b2c764f55b9e70ee5c61584346797241433d13f296843de3e0398dc018a764a84edc0868eab52f1ff', NULL, '2023-11-14 22:13:20+00', NULL, 4361734016215893447, 'ok', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, '2026-11-28 04:57:00.867281+00', NULL, NULL, false, false, NULL, NULL, NULL, 0, false, NULL);
INSERT INTO public.vault_keys VALUES ('d4125b0d', '\x186747b53d9d8beaeea4cdac28bf566b9c23e277cec4f99263b341434527137f', '2026-11-28 04:57:00.609452+00');
SELECT pg_catalog.setval('public.outbox_seq_seq', 6, true);
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
