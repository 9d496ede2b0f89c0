//! Who may call what. What is expected here is written from the wire contract's tables, not from the code.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::browser::{Browser, instruct};
use crate::support::contract::{Operation, operations, takes};
use crate::support::database::execute;
use crate::support::issuer::{Issuer, Key};
use crate::support::world::{
    ALL_SCOPES, Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, VERIFIER,
    World, both_engines,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    List,
    Link,
    UnlinkV3,
    UnlinkV2,
    Bind,
    Complete,
    FedToken,
    Rejected,
    FedTokens,
    Search,
    Retry,
    Events,
    Replay,
    Record,
    RecordSearch,
}

const CALLS: [Call; 15] = [
    Call::List,
    Call::Link,
    Call::UnlinkV3,
    Call::UnlinkV2,
    Call::Bind,
    Call::Complete,
    Call::FedToken,
    Call::Rejected,
    Call::FedTokens,
    Call::Search,
    Call::Retry,
    Call::Events,
    Call::Replay,
    Call::Record,
    Call::RecordSearch,
];

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    In,
    Denied,
    BadCredentials,
}

impl Call {
    /// The scopes that open it, in user and in system mode.
    fn scopes(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::List => (&["blitz_api_ufa"], &["blitz_api_sys_ufa"]),
            Self::Link | Self::UnlinkV3 | Self::UnlinkV2 | Self::Bind | Self::Complete => {
                (&["blitz_api_ufa_chg"], &["blitz_api_sys_ufa_chg"])
            }
            Self::Search => (&[], &["blitz_api_sys_ufa"]),
            Self::Retry => (&[], &["blitz_api_sys_ufa_chg"]),
            Self::Events | Self::Replay => (&[], &["fed_evt_any"]),
            Self::Record => (&["blitz_api_uaud"], &["blitz_api_sys_uaud"]),
            Self::RecordSearch => (&[], &["blitz_api_sys_uaud"]),
            Self::FedToken | Self::Rejected | Self::FedTokens => {
                (&["fed_tkn_any", "fed_tkn_box_box_1"], &["fed_tkn_any", "fed_tkn_box_box_1"])
            }
        }
    }

    /// What it is in the contract.
    fn operation(self) -> (&'static str, &'static str) {
        const LINK: &str = "/api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}";
        match self {
            Self::List => ("GET", "/api/v3/users/{subjectId}/fa"),
            Self::Link => ("POST", LINK),
            Self::UnlinkV3 => ("DELETE", LINK),
            Self::UnlinkV2 => ("DELETE", "/api/v2/users/{subjectId}/fa/{fpType}/{fpName}/{sid}"),
            Self::Bind => ("POST", "/api/v2/users/current/fa/bind"),
            Self::Complete => ("POST", "/api/v2/users/current/fa/bind/complete"),
            Self::FedToken => ("GET", "/api/v3/users/{subjectId}/fedToken/{fpType}/{fpName}"),
            Self::Rejected => ("POST", "/api/v3/users/{subjectId}/fedToken/{fpType}/{fpName}/rejected"),
            Self::FedTokens => ("POST", "/api/v3/fedTokens"),
            Self::Search => ("GET", "/api/v3/fa"),
            Self::Retry => ("POST", "/api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}/retry"),
            Self::Events => ("GET", "/api/v3/events"),
            Self::Replay => ("POST", "/api/v3/events/replay"),
            Self::Record => ("GET", "/api/v3/users/{subjectId}/audit"),
            Self::RecordSearch => ("GET", "/api/v3/audit"),
        }
    }

    /// Whether Basic with a REST password is a way in.
    fn takes_basic(self) -> bool {
        matches!(self, Self::UnlinkV2 | Self::Bind | Self::Complete)
    }

    fn names_a_subject(self) -> bool {
        // Of many entries each is judged by itself.
        !matches!(self, Self::Bind | Self::FedTokens | Self::Search | Self::Events | Self::Replay | Self::RecordSearch)
    }

    fn success(self) -> u16 {
        match self {
            Self::List
            | Self::Bind
            | Self::FedToken
            | Self::Rejected
            | Self::FedTokens
            | Self::Search
            | Self::Events
            | Self::Replay
            | Self::Record
            | Self::RecordSearch => 200,
            Self::Link | Self::UnlinkV3 | Self::UnlinkV2 | Self::Complete | Self::Retry => 204,
        }
    }

    /// Makes the call about `subject`, in a state in which nothing but the caller can be what is wrong.
    async fn make(self, world: &World, who: &As, subject: &str) -> Answer {
        let (method, template) = self.operation();
        let (spare, dead) = (format!("spare-{subject}"), format!("dead-{subject}"));
        let theirs = if subject == "alice" { "oleg" } else { "elle" };
        let import = async |sid: &str| {
            world
                .import(
                    json!({"subject": subject, "fpType": "box", "fpName": "box_1", "sid": sid, "refreshToken": "r"}),
                )
                .await;
        };
        let (sid, query, body) = match self {
            Self::List | Self::FedToken | Self::Events => ("", "", Body::None),
            Self::Link => (spare.as_str(), "", Body::None),
            Self::UnlinkV3 | Self::UnlinkV2 => {
                import(&spare).await;
                (spare.as_str(), "", Body::None)
            }
            Self::Bind => {
                let body = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE});
                ("", "", Body::Json(body))
            }
            Self::Complete => {
                let code = bind_code(world, subject).await;
                ("", "", Body::Json(json!({"bind_code": code, "code_verifier": VERIFIER, "subject": subject})))
            }
            Self::Rejected => ("", "", Body::Json(json!({"sid": theirs, "token": "none that it has"}))),
            Self::FedTokens => ("", "", Body::Json(json!({"tokens": [{"subject": subject, "fp": "box:box_1"}]}))),
            Self::Search => ("", "?fp=box:box_1&sid=oleg", Body::None),
            Self::Retry => {
                import(&dead).await;
                let link = format!("SELECT id FROM links WHERE sid = '{dead}'");
                execute(
                    &world.database_url,
                    &format!("UPDATE token_sets SET health = 'needs_consent' WHERE link_id IN ({link})"),
                )
                .await;
                (dead.as_str(), "", Body::None)
            }
            Self::Replay => {
                let body = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"});
                ("", "", Body::Json(body))
            }
            Self::Record => ("", "?rql=limit(1)", Body::None),
            Self::RecordSearch => ("", "?type=SIGNED_IN", Body::None),
        };
        let ids = [("{subjectId}", subject), ("{fpType}", "box"), ("{fpName}", "box_1"), ("{sid}", sid)];
        let path = ids.iter().fold(template.to_owned(), |path, (name, id)| path.replace(name, id));
        world.call(method, &(path + query), who, body).await
    }

    async fn check(self, world: &World, (what, who): (&str, &As), subject: &str, gets: Gets) {
        let answer = self.make(world, who, subject).await;
        let case = format!("{self:?} about {subject} with {what}: {}", answer.text());
        match gets {
            Gets::In => assert_eq!(answer.status, self.success(), "{case}"),
            Gets::Denied => {
                assert_eq!(answer.status, 401, "{case}");
                let words = json!({
                    "type": "security_error", "error": "bad_access_token", "desc": "No enough scopes or wrong subject Id",
                });
                assert_eq!(answer.json(), words, "{case}");
                assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{case}");
            }
            Gets::BadCredentials => {
                assert_eq!(answer.refusal(), (401, "bad_credentials".to_owned()), "{case}");
                assert_eq!(answer.json()["type"], "security_error", "{case}");
                assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")), "{case}");
            }
        }
    }
}

/// A bind of [`CONSOLE`]'s that waits to be completed, by the sandbox's user who is linked to `subject`.
async fn bind_code(world: &World, subject: &str) -> Value {
    let redirect_to = instruct(world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
    let user = if subject == "alice" { "oleg" } else { "elle" };
    Browser::default().walk(world, &redirect_to, user).await.get("bind_code").into()
}

/// Alice and Bob, linked with tokens.
async fn two_users(engine: Engine) -> World {
    two_users_with(engine, "").await
}

/// As [`two_users`], with more settings.
async fn two_users_with(engine: Engine, more: &str) -> World {
    let world = World::start_with(engine, |settings| {
        settings
            + more
            + r#"
[[clients]]
id = "limited"
secret = "limited-secret-of-tests"
rest_password = "limited-password-of-tests"
scopes = ["blitz_api_ufa"]
[[clients]]
id = "restless"
secret = "restless-secret-of-tests"
scopes = ["blitz_api_sys_ufa_chg"]
"#
    })
    .await;
    world.linked("alice", "oleg").await;
    world.linked("bob", "elle").await;
    world
}

#[test]
fn every_operation_that_a_token_of_ours_opens_is_called_here() {
    let of = |operation: Operation| (operation.method, operation.template);
    let opened: BTreeSet<_> = operations().into_iter().filter(|one| takes(one, "bearer")).map(of).collect();
    let called = CALLS.map(Call::operation).map(|(method, template)| (method.to_owned(), template.to_owned()));
    assert_eq!(opened, BTreeSet::from(called));
}

both_engines! {
    async fn every_call_opens_to_its_scope_its_mode_and_its_subject_alone(engine: Engine) {
        let world = two_users(engine).await;
        for scope in ALL_SCOPES {
            let user = world.user(CONSOLE, "alice", &[scope]).await;
            let system = world.system(CONSOLE, &[scope]).await;
            for call in CALLS {
                let (in_user_mode, in_system_mode) = call.scopes();
                let of_a_user = if in_user_mode.contains(&scope) { Gets::In } else { Gets::Denied };
                let of_another = if call.names_a_subject() { Gets::Denied } else { of_a_user };
                let of_a_system = if in_system_mode.contains(&scope) { Gets::In } else { Gets::Denied };
                call.check(&world, (&format!("{scope} of alice"), &user), "alice", of_a_user).await;
                call.check(&world, (&format!("{scope} of alice"), &user), "bob", of_another).await;
                call.check(&world, (&format!("{scope} of the system"), &system), "alice", of_a_system).await;
                call.check(&world, (&format!("{scope} of the system"), &system), "bob", of_a_system).await;
            }
        }
    }

    async fn an_issuers_token_opens_what_ours_would(engine: Engine) {
        let key = Key::es256(None);
        let issuer = Issuer::start(&[&key]);
        let section = issuer.section("system_clients = [\"console\"]");
        let world = two_users_with(engine, &section).await;
        // They are the issuer's users, ahead of their first token.
        execute(&world.database_url, &format!("UPDATE accounts SET issuer = '{}'", issuer.name)).await;
        for scope in ALL_SCOPES {
            let user = issuer.token(&world, &key, ("alice", scope));
            let system = issuer.token(&world, &key, (CONSOLE, scope));
            for call in CALLS {
                let (in_user_mode, in_system_mode) = call.scopes();
                let of_a_user = if in_user_mode.contains(&scope) { Gets::In } else { Gets::Denied };
                let of_another = if call.names_a_subject() { Gets::Denied } else { of_a_user };
                let of_a_system = if in_system_mode.contains(&scope) { Gets::In } else { Gets::Denied };
                call.check(&world, (&format!("a JWT with {scope} of alice"), &user), "alice", of_a_user).await;
                call.check(&world, (&format!("a JWT with {scope} of alice"), &user), "bob", of_another).await;
                call.check(&world, (&format!("a JWT with {scope} of the system"), &system), "alice", of_a_system).await;
                call.check(&world, (&format!("a JWT with {scope} of the system"), &system), "bob", of_a_system).await;
            }
        }
    }

    async fn whoever_is_not_known_well_enough_gets_401_in_the_seeds_words(engine: Engine) {
        let world = two_users(engine).await;
        let expired = world.console().await;
        world.advance(3600);
        let revoked = world.console().await;
        let As::Bearer(token) = &revoked else { unreachable!("a console's token is a bearer") };
        Call::List.check(&world, ("a token yet to be revoked", &revoked), "alice", Gets::In).await;
        let form = Body::Form(vec![("token", token.clone())]);
        assert_eq!(world.call("POST", "/oauth/revoke", &As::Basic(CONSOLE, CONSOLE_SECRET), form).await.status, 200);
        let not_granted = world.system("limited", &ALL_SCOPES).await;
        let not_granted_user = world.user("limited", "alice", &ALL_SCOPES).await;
        let gone = world.system("gone", &ALL_SCOPES).await;
        for call in CALLS {
            let basic = |gets| if call.takes_basic() { gets } else { Gets::Denied };
            // The one scope that the application has opens the list in user mode.
            let listed = if call == Call::List { Gets::In } else { Gets::Denied };
            let cases = [
                ("no token", As::Nobody, Gets::Denied),
                ("an empty token", As::Bearer(String::new()), Gets::Denied),
                ("a token nobody issued", As::Bearer("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()), Gets::Denied),
                ("an expired token", expired.clone(), Gets::Denied),
                ("a revoked token", revoked.clone(), Gets::Denied),
                ("scopes that the application is granted no more", not_granted.clone(), Gets::Denied),
                ("a user's scopes that the application is granted no more", not_granted_user.clone(), listed),
                ("a token of an application that is there no more", gone.clone(), Gets::Denied),
                ("Basic", As::Basic(CONSOLE, CONSOLE_PASSWORD), basic(Gets::In)),
                ("Basic of an application without the scope", As::Basic("limited", "limited-password-of-tests"), Gets::Denied),
                ("a wrong password", As::Basic(CONSOLE, "wrong"), basic(Gets::BadCredentials)),
                ("an empty password", As::Basic(CONSOLE, ""), basic(Gets::BadCredentials)),
                ("the client secret as REST password", As::Basic(CONSOLE, CONSOLE_SECRET), basic(Gets::BadCredentials)),
                ("Basic of an application without a REST password", As::Basic("restless", ""), basic(Gets::BadCredentials)),
                ("its client secret", As::Basic("restless", "restless-secret-of-tests"), basic(Gets::BadCredentials)),
                ("Basic of nobody we know", As::Basic("stranger", "password"), basic(Gets::BadCredentials)),
            ];
            for (what, who, gets) in &cases {
                call.check(&world, (what, who), "alice", *gets).await;
            }
        }
    }

    async fn an_authorization_that_makes_no_sense_opens_nothing(engine: Engine) {
        let world = two_users(engine).await;
        let As::Bearer(token) = world.console().await else { unreachable!("a console's token is a bearer") };
        let (good, quoted) = (format!("Bearer {token}"), format!("Bearer \"{token}\""));
        let fa = "/api/v3/users/alice/fa";
        let lower = [("authorization", format!("bearer {token}"))];
        let lower = [(lower[0].0, lower[0].1.as_str())];
        assert_eq!(world.call_with("GET", fa, &As::Nobody, Body::None, &lower).await.status, 200);
        for value in ["Bearer", "Basic", "Basic !!!", "Basic Y29uc29sZQ==", "Digest x", &token, &quoted] {
            let headers = [("authorization", value)];
            let v3 = world.call_with("GET", fa, &As::Nobody, Body::None, &headers).await;
            assert_eq!(v3.refusal(), (401, "bad_access_token".to_owned()), "{value}");
            let v2 = "/api/v2/users/alice/fa/box/box_1/oleg";
            let v2 = world.call_with("DELETE", v2, &As::Nobody, Body::None, &headers).await;
            let expected = if value.starts_with("Basic ") { "bad_credentials" } else { "bad_access_token" };
            assert_eq!(v2.refusal(), (401, expected.to_owned()), "{value}");
        }
        let twice = [("authorization", good.as_str()), ("authorization", good.as_str())];
        let answer = world.call_with("GET", fa, &As::Nobody, Body::None, &twice).await;
        assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()));
        // Credentials belong into the header alone (RFC 9700 §4.3.2).
        let answer = world.call("GET", &format!("{fa}?access_token={token}"), &As::Nobody, Body::None).await;
        assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()));
    }

    async fn a_scope_opens_one_provider_only(engine: Engine) {
        const PROVIDERS: [(&str, &str); 5] =
            [("box", "box_1"), ("box", "box_1_x"), ("box", "box"), ("box-box", "1"), ("bo", "x_box_1")];
        let world = World::start_with(engine, |settings| {
            let provider = settings.split_once("[[providers]]").expect("a provider").1;
            let copies = PROVIDERS[1..].iter().map(|(fp_type, fp_name)| {
                let copy = provider.replace(r#"type = "box""#, &format!("type = \"{fp_type}\""));
                format!("\n[[providers]]{}", copy.replace(r#"name = "box_1""#, &format!("name = \"{fp_name}\"")))
            });
            let scopes = PROVIDERS.map(|(fp_type, fp_name)| format!("fed_tkn_{fp_type}_{fp_name}"));
            let client = format!("\n[[clients]]\nid = \"reader\"\nscopes = {scopes:?}\n");
            format!("{settings}{}{client}", copies.collect::<String>())
        })
        .await;
        for (fp_type, fp_name) in PROVIDERS {
            world.import(json!({
                "subject": "alice", "fpType": fp_type, "fpName": fp_name, "sid": "1", "accessToken": format!("of {fp_name}"),
            }))
            .await;
        }
        for opened in PROVIDERS {
            let scope = format!("fed_tkn_{}_{}", opened.0, opened.1);
            let callers = [world.system("reader", &[&scope]).await, world.user("reader", "alice", &[&scope]).await];
            for (fp_type, fp_name) in PROVIDERS {
                for caller in &callers {
                    let target = format!("/api/v3/users/alice/fedToken/{fp_type}/{fp_name}");
                    let answer = world.call("GET", &target, caller, Body::None).await;
                    if opened == (fp_type, fp_name) {
                        assert_eq!(answer.json()["1"]["token"], format!("of {fp_name}"), "{scope} at {target}");
                    } else {
                        assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{scope} at {target}");
                    }
                }
            }
        }
    }
}
