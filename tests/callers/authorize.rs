//! The authorization endpoint: who gets a code, and what is told to whom where nobody does.

use std::collections::BTreeMap;

use serde_json::json;
use service::onward::Onward;
use service::sessions;

use crate::support::browser::{Browser, query};
use crate::support::database::{count, execute, texts};
use crate::support::person::{PASSWORD, person};
use crate::support::user_mode::{AS_CONSOLE, REDIRECT_URI, address, ask, code, list, redeem, request_with, tokens};
use crate::support::world::{As, Body, CHALLENGE, Engine, VERIFIER, World, both_engines};

/// Alice, signed in.
async fn alice(world: &World) -> Browser {
    world.account("alice").await;
    let mut browser = Browser::default();
    browser.sign_in(world, "alice").await;
    browser
}

/// What a redirect tells the app, which it has to reach at `to`.
#[track_caller]
fn told(location: &str, to: &str) -> BTreeMap<String, String> {
    let rest = location.strip_prefix(to).unwrap_or_else(|| panic!("{location} is not {to}"));
    assert!(rest.starts_with(['?', '&']), "{location}");
    query(location)
}

both_engines! {
    async fn a_request_has_a_hundred_parameters_at_most(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = alice(&world).await;
        let more: Vec<(String, &str)> = (0..95).map(|number| (format!("p{number}"), "1")).collect();
        let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let room = 100 - request_with(&[]).len();
        for (count, status) in [(room, 303), (room + 1, 400)] {
            let answer = ask(&world, &mut browser, &more[..count]).await;
            assert_eq!(answer.status, status, "{count}: {}", answer.text());
        }
        // Empty ones, and one that stands twice, count as well: nobody is known yet.
        let all = address(&world, &request_with(&[])) + &"&x=".repeat(20_000);
        let answer = browser.go(&world, "GET", &all, Body::None).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("too many parameters"), "{}", answer.text());
    }

    async fn whoever_is_signed_in_goes_back_with_a_code(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = alice(&world).await;
        let answer = ask(&world, &mut browser, &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let told = told(&answer.location(), REDIRECT_URI);
        assert_eq!(told.keys().collect::<Vec<_>>(), ["code", "iss", "state"]);
        assert_eq!(told["state"], "af0ifjsldkj");
        assert_eq!(told["iss"], format!("{}/blitz", world.base));
        assert_eq!(told["code"].len(), 43, "256 bits");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));

        let (access, _) = tokens(&redeem(&world, &AS_CONSOLE, &told["code"]).await);
        assert_eq!(list(&world, &access, "alice").await, 200);
        // Each visit has a code of its own, and the same at the root.
        let other = ask(&world, &mut browser, &[]).await.location();
        assert_ne!(query(&other)["code"], told["code"]);
    }

    async fn a_redirect_uri_keeps_its_query_and_a_state_its_letters(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = alice(&world).await;
        let state = "ü&code=x #%2B+";
        let there = ask(&world, &mut browser, &[("redirect_uri", "https://app.example/tenant?id=1"), ("state", state)]).await;
        let told = told(&there.location(), "https://app.example/tenant?id=1");
        assert_eq!((told["id"].as_str(), told["state"].as_str()), ("1", state));
        assert_eq!(told.len(), 4);
        let own_scheme = ask(&world, &mut browser, &[("redirect_uri", "com.example.app:/signed-in"), ("state", "")]).await;
        let location = own_scheme.location();
        assert!(location.starts_with("com.example.app:/signed-in?code="), "{location}");
        assert!(!location.contains("state="), "{location}");
    }

    async fn a_wrong_client_or_redirect_uri_leads_nowhere(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings + "\n[[clients]]\nid = \"unlisted\"\nsecret = \"unlisted-secret-of-tests\"\nscopes = [\"blitz_api_ufa\"]\n"
        })
        .await;
        let mut browser = alice(&world).await;
        let cases: [(&str, &[(&str, &str)]); 14] = [
            ("no client", &[("client_id", "")]),
            ("nobody we know", &[("client_id", "stranger")]),
            ("a client with another's letters", &[("client_id", "Console")]),
            ("no redirect URI", &[("redirect_uri", "")]),
            ("another host", &[("redirect_uri", "https://evil.example/signed-in")]),
            ("a deeper path", &[("redirect_uri", "https://app.example/signed-in/x")]),
            ("a slash more", &[("redirect_uri", "https://app.example/signed-in/")]),
            ("a query more", &[("redirect_uri", "https://app.example/signed-in?x=1")]),
            ("a fragment", &[("redirect_uri", "https://app.example/signed-in#x")]),
            ("a path that leads back", &[("redirect_uri", "https://app.example/x/../signed-in")]),
            ("a name before the host", &[("redirect_uri", "https://app.example@evil.example/signed-in")]),
            ("another scheme", &[("redirect_uri", "javascript:alert(1)")]),
            ("a callback of binds", &[("redirect_uri", "https://app.example/callback")]),
            ("an app without redirect URIs", &[("client_id", "unlisted")]),
        ];
        for (what, changes) in cases {
            // Whatever else is wrong, or right.
            for more in [&[][..], &[("response_type", "token")], &[("prompt", "none")]] {
                let answer = ask(&world, &mut browser, &[changes, more].concat()).await;
                assert_eq!(answer.status, 400, "{what}");
                assert!(answer.header("location").is_none(), "{what}");
                assert!(!answer.text().contains("evil"), "{what}: {}", answer.text());
            }
        }
        for twice in ["client_id", "redirect_uri"] {
            let mut params = request_with(&[]);
            let again = *params.iter().find(|(name, _)| *name == twice).expect("it is there");
            params.push(again);
            let answer = browser.go(&world, "GET", &address(&world, &params), Body::None).await;
            assert_eq!(answer.status, 400, "{twice} twice");
        }
        // One registered for another application.
        let changes = [("client_id", "rival"), ("redirect_uri", "com.example.app:/signed-in")];
        assert_eq!(ask(&world, &mut browser, &changes).await.status, 400);
        assert_eq!(count(&world, "oauth_codes").await, 0);
    }

    async fn everything_else_is_told_to_the_application(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings
                + r#"
[[clients]]
id = "limited"
secret = "limited-secret-of-tests"
scopes = ["blitz_api_ufa", "blitz_api_sys_ufa"]
redirect_uris = ["https://app.example/signed-in"]
[[clients]]
id = "system-only"
secret = "system-only-secret-of-tests"
scopes = ["blitz_api_sys_ufa"]
redirect_uris = ["https://app.example/signed-in"]
"#
        })
        .await;
        let mut browser = alice(&world).await;
        let cases: [(&str, &[(&str, &str)]); 19] = [
            ("unsupported_response_type", &[("response_type", "token")]),
            ("unsupported_response_type", &[("response_type", "code id_token")]),
            ("invalid_request", &[("response_type", "")]),
            ("invalid_request", &[("code_challenge", "")]),
            ("invalid_request", &[("code_challenge", "too-short")]),
            ("invalid_request", &[("code_challenge_method", "plain")]),
            ("invalid_request", &[("code_challenge_method", "plain"), ("code_challenge", VERIFIER)]),
            ("invalid_request", &[("code_challenge_method", "")]),
            ("invalid_request", &[("code_challenge_method", "s256")]),
            ("invalid_request", &[("response_mode", "fragment")]),
            ("invalid_request", &[("response_mode", "form_post")]),
            ("request_not_supported", &[("request", "eyJhbGciOiJub25lIn0.e30.")]),
            ("request_uri_not_supported", &[("request_uri", "https://app.example/request")]),
            ("invalid_scope", &[("scope", "blitz_api_ufa openid")]),
            ("invalid_scope", &[("scope", "blitz_api_sys_ufa")]),
            ("invalid_scope", &[("scope", "blitz_api_ufa blitz_api_sys_ufa_chg")]),
            ("invalid_scope", &[("client_id", "limited"), ("scope", "fed_tkn_any")]),
            ("invalid_scope", &[("client_id", "system-only")]),
            ("invalid_request", &[("prompt", "none login")]),
        ];
        for (error, changes) in cases {
            let answer = ask(&world, &mut browser, changes).await;
            assert_eq!(answer.status, 303, "{changes:?}");
            let told = told(&answer.location(), REDIRECT_URI);
            assert_eq!(told["error"], error, "{changes:?}");
            assert_eq!((told["state"].as_str(), &told["iss"]), ("af0ifjsldkj", &format!("{}/blitz", world.base)));
            assert!(!told.contains_key("code") && told.contains_key("error_description"), "{changes:?}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        }
        for twice in ["scope", "state", "code_challenge", "utm_source"] {
            let mut params = request_with(&[(twice, "x")]);
            params.push((twice, "x"));
            let answer = browser.go(&world, "GET", &address(&world, &params), Body::None).await;
            assert_eq!(told(&answer.location(), REDIRECT_URI)["error"], "invalid_request", "{twice}");
        }
        assert_eq!(count(&world, "oauth_codes").await, 0);
        // What nobody knows changes nothing (RFC 6749 §3.1).
        let answer = ask(&world, &mut browser, &[("utm_source", "x"), ("response_mode", "query"), ("prompt", "consent")]).await;
        assert!(query(&answer.location()).contains_key("code"));
    }

    async fn a_user_gives_no_system_scope(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let answer = redeem(&world, &AS_CONSOLE, &code(&world, "alice").await).await.json();
        let mut scopes: Vec<&str> = answer["scope"].as_str().expect("scopes").split(' ').collect();
        scopes.sort_unstable();
        assert_eq!(scopes, ["blitz_api_uaud", "blitz_api_ufa", "blitz_api_ufa_chg", "fed_tkn_any", "fed_tkn_box_box_1"]);
    }

    async fn whoever_is_not_signed_in_signs_in_on_the_way(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let settings = &world.app.parts.settings;
        let mut browser = Browser::default();
        let silent = ask(&world, &mut browser, &[("prompt", "none")]).await;
        assert_eq!(told(&silent.location(), REDIRECT_URI)["error"], "login_required");

        // Odd letters included: what goes to the sign-in page comes back whole.
        let state = "\"<ü>\\ #&=+%";
        let to_sign_in = ask(&world, &mut browser, &[("state", state)]).await;
        assert_eq!(to_sign_in.status, 303);
        let url = to_sign_in.location();
        assert!(url.starts_with(&format!("{}/blitz/sign-in?to=", world.base)), "{url}");
        assert_eq!(to_sign_in.header("cache-control"), Some("no-store"));
        let onward = Onward::parse(settings, &query(&url)["to"]);
        assert!(matches!(onward, Onward::Authorize(_)), "{url}");
        browser.sign_in(&world, "alice").await;
        let back = format!("{}{}", world.base, onward.path(settings));
        let told = told(&browser.go(&world, "GET", &back, Body::None).await.location(), REDIRECT_URI);
        assert_eq!(told["state"], state);
        assert_eq!(redeem(&world, &AS_CONSOLE, &told["code"]).await.status, 200);

        let told = query(&ask(&world, &mut browser, &[("prompt", "none")]).await.location());
        assert!(told.contains_key("code"), "{told:?}");
    }

    async fn a_password_on_the_way_leads_back_to_the_application(engine: Engine) {
        let world = World::start(engine).await;
        world.person(person("alice")).await;
        world.person(person("bob")).await;
        let mut browser = Browser::default();
        // Whoever is signed in already may be somebody else: the application can have that asked.
        for (subject, prompt) in [("alice", ""), ("bob", "login")] {
            let to_sign_in = ask(&world, &mut browser, &[("prompt", prompt)]).await.location();
            let csrf = browser.open_sign_in(&world, &to_sign_in).await;
            let to = query(&to_sign_in)["to"].clone();
            let form = [("csrf", csrf), ("to", to), ("login", subject.to_owned()), ("password", PASSWORD.to_owned())];
            let page = browser.go(&world, "POST", &world.sign_in_page(), Body::Form(form.into())).await;
            assert_eq!(page.status, 200, "{}", page.text());
            let text = page.text();
            let onward = text.split_once("content=\"0;url=").expect("a way on").1.split('"').next().unwrap_or_default();
            let onward = onward.replace("&#38;", "&").replace("&amp;", "&");
            let back = browser.go(&world, "GET", &format!("{}{onward}", world.base), Body::None).await;
            let told = told(&back.location(), REDIRECT_URI);
            let (access, _) = tokens(&redeem(&world, &AS_CONSOLE, &told["code"]).await);
            assert_eq!(list(&world, &access, subject).await, 200);
        }
    }

    async fn prompt_login_asks_again_and_does_not_go_round_in_circles(engine: Engine) {
        let world = World::start(engine).await;
        let settings = &world.app.parts.settings;
        let mut browser = alice(&world).await;
        for prompt in ["login", "consent login"] {
            let to_sign_in = ask(&world, &mut browser, &[("prompt", prompt), ("scope", "blitz_api_ufa")]).await.location();
            assert!(to_sign_in.starts_with(&format!("{}/blitz/sign-in?", world.base)), "{to_sign_in}");
            // The page is to ask, not to offer whoever is signed in.
            assert_eq!(query(&to_sign_in)["switch"], "1");
            let onward = Onward::parse(settings, &query(&to_sign_in)["to"]).path(settings);
            assert!(!onward.contains("prompt") && onward.contains("scope=blitz_api_ufa"), "{onward}");
            let back = browser.go(&world, "GET", &format!("{}{onward}", world.base), Body::None).await;
            assert!(told(&back.location(), REDIRECT_URI).contains_key("code"));
        }
    }

    async fn a_session_that_is_over_gives_no_code(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = alice(&world).await;
        world.account("bob").await;
        let mut bob = Browser::default();
        bob.sign_in(&world, "bob").await;
        let at = world.now().timestamp();
        let disabled = match engine {
            Engine::Sqlite => format!("{at}000000"),
            Engine::Postgres => format!("to_timestamp({at})"),
        };
        execute(&world.database_url, &format!("UPDATE accounts SET disabled_at = {disabled} WHERE subject = 'bob'")).await;
        let silent = [("prompt", "none")];
        assert_eq!(query(&ask(&world, &mut bob, &silent).await.location())["error"], "login_required");
        world.advance(12 * 3600);
        assert_eq!(query(&ask(&world, &mut browser, &silent).await.location())["error"], "login_required");
        // An application's token in the cookie's place is nobody's session, nor is any other text.
        let As::Bearer(token) = world.user("console", "alice", &["blitz_api_ufa"]).await else { unreachable!("a bearer") };
        let name = sessions::cookie_name(&world.app.parts.settings).to_owned();
        for value in [token.as_str(), "", "alice"] {
            browser.cookies().insert(name.clone(), value.to_owned());
            assert_eq!(query(&ask(&world, &mut browser, &silent).await.location())["error"], "login_required");
        }
        assert_eq!(count(&world, "oauth_codes").await, 0);
    }

    async fn where_the_users_live_elsewhere_nobody_signs_in(engine: Engine) {
        let world = World::start_with(engine, |settings| settings.replace("\"registered\"", "\"any\"")).await;
        let answer = ask(&world, &mut Browser::default(), &[]).await;
        assert_eq!(told(&answer.location(), REDIRECT_URI)["error"], "unsupported_response_type");
        let metadata = format!("{}/.well-known/oauth-authorization-server/blitz", world.base);
        let metadata = world.send("GET", &metadata, &As::Nobody, Body::None, &[]).await.json();
        assert_eq!(metadata["response_types_supported"], json!([]));
        assert_eq!(metadata["grant_types_supported"], json!(["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]));
        assert!(metadata.get("authorization_endpoint").is_none());
    }

    async fn nothing_of_a_code_is_in_the_database(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = code(&world, "alice").await;
        let row = match engine {
            Engine::Sqlite => "SELECT hex(code_hash) || client || subject || code_challenge AS value FROM oauth_codes",
            Engine::Postgres => "SELECT oauth_codes::text AS value FROM oauth_codes",
        };
        let rows = texts(&world.database_url, row).await.concat();
        assert!(rows.contains("alice") && rows.contains(CHALLENGE), "{rows}");
        let hex = code.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(!rows.contains(&code) && !rows.to_lowercase().contains(&hex), "{rows}");
    }

    async fn only_a_get_is_an_authorization_request(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = alice(&world).await;
        let address = address(&world, &request_with(&[]));
        for method in ["POST", "HEAD", "PUT"] {
            assert_eq!(browser.go(&world, method, &address, Body::None).await.status, 405, "{method}");
        }
        assert_eq!(count(&world, "oauth_codes").await, 0);
    }
}
