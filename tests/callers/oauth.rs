//! Our own authorization server: tokens for applications, introspection, revocation, metadata.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::database::texts;
use crate::support::world::{
    ALL_SCOPES, Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, World, both_engines,
};

const AS_CONSOLE: As = As::Basic(CONSOLE, CONSOLE_SECRET);
const AS_RIVAL: As = As::Basic("rival", "rival-secret-of-tests");
/// A secret that is another one unless it is form-encoded on its way.
const ODD_SECRET: &str = "p@ss:w+rd %41&=ü%";

/// The fields of a form.
type Fields<'a> = &'a [(&'static str, &'a str)];

fn form(fields: Fields) -> Body {
    Body::Form(fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

async fn te(world: &World, who: &As, fields: Fields<'_>) -> Answer {
    world.call("POST", "/oauth/te", who, form(fields)).await
}

/// A token of `client`'s with all its scopes, as `te` issues it.
async fn token(world: &World, client: &As) -> String {
    let answer = te(world, client, &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

async fn introspect(world: &World, client: &As, token: &str) -> Value {
    let answer = world.call("POST", "/oauth/introspect", client, form(&[("token", token)])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The same about a token, by a client that proves itself in the form (RFC 6749 §2.3.1) and says what kind of token it is.
async fn by_form(world: &World, target: &str, token: &str) -> Answer {
    let fields = [
        ("token", token),
        ("token_type_hint", "access_token"),
        ("client_id", CONSOLE),
        ("client_secret", CONSOLE_SECRET),
    ];
    world.call("POST", target, &As::Nobody, form(&fields)).await
}

async fn list(world: &World, token: &str) -> u16 {
    world.call("GET", "/api/v3/users/alice/fa", &As::Bearer(token.to_owned()), Body::None).await.status
}

fn sorted(scopes: &str) -> Vec<&str> {
    let mut scopes: Vec<&str> = scopes.split(' ').collect();
    scopes.sort_unstable();
    scopes
}

/// What we say of ourselves. RFC 8414 §3.1: the issuer's path comes last.
pub(super) async fn metadata(world: &World) -> Value {
    let target = "/.well-known/oauth-authorization-server/blitz";
    let answer = world.send("GET", &format!("{}{target}", world.base), &As::Nobody, Body::None, &[]).await;
    answer.hold("GET", target);
    answer.json()
}

both_engines! {
    async fn a_client_may_prove_itself_in_the_form(engine: Engine) {
        let world = World::start(engine).await;
        let held = token(&world, &AS_CONSOLE).await;
        assert_eq!(by_form(&world, "/oauth/introspect", &held).await.json()["active"], json!(true));
        assert_eq!(by_form(&world, "/oauth/revoke", &held).await.status, 200);
        assert_eq!(by_form(&world, "/oauth/introspect", &held).await.json(), json!({"active": false}));
    }

    async fn an_application_gets_a_token_by_basic_or_in_the_body(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let grant = ("grant_type", "client_credentials");
        let in_body = [grant, ("client_id", CONSOLE), ("client_secret", CONSOLE_SECRET)];
        for (who, fields) in [(AS_CONSOLE, &in_body[..1]), (As::Nobody, &in_body), (AS_CONSOLE, &in_body[..2])] {
            let answer = te(&world, &who, fields).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let body = answer.json();
            assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
            let token = body["access_token"].as_str().expect("a token");
            assert_eq!(token.len(), 43);
            assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{token}");
            let mut all = ALL_SCOPES;
            all.sort_unstable();
            assert_eq!(sorted(body["scope"].as_str().expect("scopes")), all);
            assert_eq!(list(&world, token).await, 200);
        }
        assert_ne!(token(&world, &AS_CONSOLE).await, token(&world, &AS_CONSOLE).await);
    }

    async fn a_token_has_the_scopes_that_were_asked_for(engine: Engine) {
        let world = World::start(engine).await;
        let grant = ("grant_type", "client_credentials");
        let answer = te(&world, &AS_CONSOLE, &[grant, ("scope", "fed_tkn_any blitz_api_sys_ufa")]).await;
        assert_eq!(sorted(answer.json()["scope"].as_str().expect("scopes")), ["blitz_api_sys_ufa", "fed_tkn_any"]);
        // RFC 6749 §3.2: a parameter without a value is a parameter that was not sent.
        let answer = te(&world, &AS_CONSOLE, &[grant, ("scope", "")]).await;
        assert_eq!(sorted(answer.json()["scope"].as_str().expect("scopes")).len(), ALL_SCOPES.len());
    }

    async fn every_refusal_of_te_is_in_the_words_of_rfc_6749(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings + "\n[[clients]]\nid = \"basic-only\"\nrest_password = \"its-rest-password-of-tests\"\nscopes = [\"blitz_api_sys_ufa\"]\n"
        })
        .await;
        let grant = ("grant_type", "client_credentials");
        let (id, secret) = (("client_id", CONSOLE), ("client_secret", CONSOLE_SECRET));
        let cases: &[(&str, As, Fields, (u16, &str))] = &[
            ("no grant type", AS_CONSOLE, &[], (400, "invalid_request")),
            ("another grant", AS_CONSOLE, &[("grant_type", "password")], (400, "unsupported_grant_type")),
            ("a grant type twice", AS_CONSOLE, &[grant, grant], (400, "invalid_request")),
            ("Basic and body", AS_CONSOLE, &[grant, id, secret], (400, "invalid_request")),
            ("another client_id", AS_CONSOLE, &[grant, ("client_id", "rival")], (400, "invalid_request")),
            ("a secret without an id", As::Nobody, &[grant, secret], (400, "invalid_request")),
            ("an unknown scope", AS_CONSOLE, &[grant, ("scope", "openid")], (400, "invalid_scope")),
            ("one unknown scope of two", AS_CONSOLE, &[grant, ("scope", "fed_tkn_any x")], (400, "invalid_scope")),
            ("a scope not granted", AS_CONSOLE, &[grant, ("scope", "fed_tkn_box_box_2")], (400, "invalid_scope")),
            ("no client", As::Nobody, &[grant], (401, "invalid_client")),
            ("an id alone", As::Nobody, &[grant, id], (401, "invalid_client")),
            ("a wrong secret", As::Basic(CONSOLE, "wrong"), &[grant], (401, "invalid_client")),
            ("a wrong secret in the body", As::Nobody, &[grant, id, ("client_secret", "wrong")], (401, "invalid_client")),
            ("the REST password", As::Basic(CONSOLE, CONSOLE_PASSWORD), &[grant], (401, "invalid_client")),
            ("an unknown client", As::Basic("stranger", "x"), &[grant], (401, "invalid_client")),
            ("a client without a secret", As::Basic("basic-only", ""), &[grant], (401, "invalid_client")),
            ("its REST password", As::Basic("basic-only", "its-rest-password-of-tests"), &[grant], (401, "invalid_client")),
            ("a bearer", As::Bearer("x".to_owned()), &[grant], (401, "invalid_client")),
        ];
        for (what, who, fields, expected) in cases {
            let answer = te(&world, who, fields).await;
            assert_eq!(answer.refusal(), (expected.0, expected.1.to_owned()), "{what}");
        }
        let json = world.call("POST", "/oauth/te", &AS_CONSOLE, Body::Json(json!({"grant_type": "client_credentials"}))).await;
        assert_eq!(json.refusal(), (415, "invalid_request".to_owned()));
        let large = Body::Form(vec![("grant_type", "x".repeat(70_000))]);
        let large = world.call("POST", "/oauth/te", &AS_CONSOLE, large).await;
        assert_eq!(large.refusal(), (413, "invalid_request".to_owned()));
    }

    async fn basic_credentials_are_form_encoded(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings + &format!("\n[[clients]]\nid = \"o d/d\"\nsecret = {ODD_SECRET:?}\nscopes = [\"fed_tkn_any\"]\n")
        })
        .await;
        // RFC 6749 §2.3.1 and its appendix B.
        let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
        let encoded = STANDARD.encode(format!("{}:{}", encode("o d/d"), encode(ODD_SECRET)));
        let header = format!("Basic {encoded}");
        let grant = form(&[("grant_type", "client_credentials")]);
        let answer = world.call_with("POST", "/oauth/te", &As::Nobody, grant.clone(), &[("authorization", &header)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let raw = te(&world, &As::Basic("o d/d", ODD_SECRET), &[("grant_type", "client_credentials")]).await;
        assert_eq!(raw.refusal(), (401, "invalid_client".to_owned()));
        let in_body = [("grant_type", "client_credentials"), ("client_id", "o d/d"), ("client_secret", ODD_SECRET)];
        assert_eq!(te(&world, &As::Nobody, &in_body).await.status, 200);
    }

    async fn a_token_lives_an_hour(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let token = token(&world, &AS_CONSOLE).await;
        world.advance(3590);
        assert_eq!(list(&world, &token).await, 200);
        assert_eq!(introspect(&world, &AS_CONSOLE, &token).await["active"], true);
        world.advance(10);
        assert_eq!(list(&world, &token).await, 401);
        assert_eq!(introspect(&world, &AS_CONSOLE, &token).await, json!({"active": false}));
    }

    async fn an_application_learns_about_its_own_tokens(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings + "\n[[clients]]\nid = \"auditor\"\nsecret = \"auditor-secret-of-tests\"\nintrospect_any = true\nscopes = []\n"
        })
        .await;
        let before = world.now().timestamp();
        let token = token(&world, &AS_CONSOLE).await;
        let own = introspect(&world, &AS_CONSOLE, &token).await;
        assert_eq!((&own["active"], &own["client_id"], &own["token_type"]), (&json!(true), &json!(CONSOLE), &json!("Bearer")));
        let issued = own["iat"].as_i64().expect("a time");
        assert!((before..=world.now().timestamp()).contains(&issued));
        assert_eq!(own["exp"].as_i64(), Some(issued + 3600));
        assert_eq!(own.get("sub"), None);
        assert_eq!(sorted(own["scope"].as_str().expect("scopes")).len(), ALL_SCOPES.len());
        assert_ne!(own["jti"], json!(token));

        let As::Bearer(of_alice) = world.user(CONSOLE, "alice", &["blitz_api_ufa"]).await else { unreachable!("a bearer") };
        assert_eq!(introspect(&world, &AS_CONSOLE, &of_alice).await["sub"], "alice");

        let inactive = json!({"active": false});
        assert_eq!(introspect(&world, &AS_RIVAL, &token).await, inactive);
        assert_eq!(introspect(&world, &As::Basic("auditor", "auditor-secret-of-tests"), &token).await, own);
        assert_eq!(introspect(&world, &AS_CONSOLE, "never-issued").await, inactive);
        // RFC 7662 §2.1: without credentials nobody may ask.
        let asked = world.call("POST", "/oauth/introspect", &As::Nobody, form(&[("token", &token)])).await;
        assert_eq!(asked.refusal(), (401, "invalid_client".to_owned()));
        let asked = world.call("POST", "/oauth/introspect", &AS_CONSOLE, form(&[])).await;
        assert_eq!(asked.refusal(), (400, "invalid_request".to_owned()));
    }

    async fn a_revoked_token_opens_nothing_from_the_next_request_on(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let (token, kept) = (token(&world, &AS_CONSOLE).await, token(&world, &AS_CONSOLE).await);
        // Seen, so remembered.
        assert_eq!(list(&world, &token).await, 200);
        let revoke = async |client: As, token: &str| {
            world.call("POST", "/oauth/revoke", &client, form(&[("token", token), ("token_type_hint", "access_token")])).await
        };
        let foreign = revoke(AS_RIVAL, &token).await;
        assert_eq!(foreign.refusal(), (400, "unauthorized_client".to_owned()));
        assert_eq!(list(&world, &token).await, 200);
        assert_eq!(revoke(AS_CONSOLE, &token).await.status, 200);
        assert_eq!(list(&world, &token).await, 401);
        assert_eq!(introspect(&world, &AS_CONSOLE, &token).await, json!({"active": false}));
        // RFC 7009 §2.2: a token that is unknown, or no more, is no error.
        assert_eq!(revoke(AS_CONSOLE, &token).await.status, 200);
        assert_eq!(revoke(AS_CONSOLE, "never-issued").await.status, 200);
        assert_eq!(revoke(As::Nobody, &kept).await.refusal(), (401, "invalid_client".to_owned()));
        assert_eq!(list(&world, &kept).await, 200);
    }

    async fn no_token_of_ours_is_in_the_database(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let token = token(&world, &AS_CONSOLE).await;
        let row = match engine {
            Engine::Sqlite => "SELECT hex(token_hash) || id || client || scope AS value FROM oauth_tokens",
            Engine::Postgres => "SELECT oauth_tokens::text AS value FROM oauth_tokens",
        };
        let rows = texts(&world.database_url, row).await;
        assert_eq!(rows.len(), 1);
        assert!(rows[0].contains(CONSOLE), "{rows:?}");
        let hex = token.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(!rows[0].contains(&token) && !rows[0].to_lowercase().contains(&hex), "{rows:?}");
        if engine == Engine::Sqlite {
            let files = std::fs::read_dir(world.folder.path()).expect("the folder");
            for file in files {
                let path = file.expect("a file").path();
                let bytes = std::fs::read(&path).expect("it reads");
                let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
                assert!(!found, "{} has the token", path.display());
            }
        }
    }

    async fn the_metadata_says_where_everything_is(engine: Engine) {
        let world = World::start(engine).await;
        let metadata = metadata(&world).await;
        let base = format!("{}/blitz", world.base);
        assert_eq!(metadata["issuer"], json!(base));
        assert_eq!(metadata["token_endpoint"], json!(format!("{base}/oauth/te")));
        assert_eq!(metadata["introspection_endpoint"], json!(format!("{base}/oauth/introspect")));
        assert_eq!(metadata["revocation_endpoint"], json!(format!("{base}/oauth/revoke")));
        assert_eq!(metadata["authorization_endpoint"], json!(format!("{base}/oauth/ae")));
        assert_eq!(metadata["grant_types_supported"], json!(["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]));
        assert_eq!(metadata["response_types_supported"], json!(["code"]));
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], json!(true));
        // Where the base path stands before it, there is nothing; nor is there a promise of id_tokens.
        for target in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
            let nothing = world.call("GET", target, &As::Nobody, Body::None).await;
            assert_eq!(nothing.refusal(), (404, "not_found".to_owned()), "{target}");
        }
    }
}
