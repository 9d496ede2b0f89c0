//! Signing in by GraphQL: the documented ways, and what is told of each that is refused.

use domain::account::AccountType;
use serde_json::{Value, json};
use service::accounts::{self, New};

use crate::support::condo::{by_email, by_phone, refusal, staff, with_sessions};
use crate::support::database::{Sql, count, texts};
use crate::support::person::{PASSWORD, email};
use crate::support::world::{As, Engine, World, both_engines};

const WRONG: (&str, &str) = ("WRONG_CREDENTIALS", "Wrong email or password");

async fn world(engine: Engine) -> World {
    let world = World::condo(engine).await;
    world.person(staff("jane")).await;
    world
}

/// As [`world`], where people may try more often than a test does.
async fn patient(engine: Engine) -> World {
    let world =
        World::start_with(engine, |settings| with_sessions(settings) + "[limits]\nsign_in_per_hour = 100\n").await;
    world.person(staff("jane")).await;
    world
}

/// What is told of wrong credentials, by e-mail.
fn wrong() -> Value {
    refusal(
        by_email::MUTATION,
        json!({
            "code": "BAD_USER_INPUT", "type": WRONG.0, "message": WRONG.1, "messageForUser": WRONG.1,
            "messageForUserTemplateKey": "api.user.authenticateUserWithEmailAndPassword.WRONG_CREDENTIALS",
        }),
    )
}

/// A query, headers, and in which words the answer is.
type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

both_engines! {
    /// The document of the source's documentation, letter for letter but for the values.
    async fn the_documented_sign_in_by_email_works(engine: Engine) {
        let world = world(engine).await;
        let answer = world.ask(&As::Nobody, &format!(r#"mutation SignIn {{
  authenticateUserWithEmailAndPassword(data: {{
    dv: 1
    sender: {{ dv: 1, fingerprint: "my-integration-v1" }}
    userType: staff
    email: "jane@example.com"
    password: "{PASSWORD}"
  }}) {{
    token
    item {{
      id
      name
      email
    }}
  }}
}}"#)).await;
        let mut data = answer.data();
        let token = data["authenticateUserWithEmailAndPassword"]["token"].take();
        let token = token.as_str().expect("a token");
        assert_eq!(data, json!({"authenticateUserWithEmailAndPassword": {
            "token": null, "item": {"id": "jane", "name": "Jane Smith", "email": "jane@example.com"},
        }}));
        // The cookie holds the token, by the recipe that partners are given.
        let cookie = answer.header("set-cookie").expect("a cookie");
        let (value, attributes) = cookie.strip_prefix("keystone.sid=").unwrap().split_once(';').unwrap();
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        assert_eq!(decoded.strip_prefix("s:"), Some(token));
        assert!(attributes.contains("; HttpOnly") && attributes.contains("; SameSite=Lax"), "{cookie}");

        let who = "query WhoAmI {\n  authenticatedUser {\n    id\n    name\n    email\n    isAdmin\n  }\n}";
        let jane = json!({"authenticatedUser": {
            "id": "jane", "name": "Jane Smith", "email": "jane@example.com", "isAdmin": false,
        }});
        assert_eq!(world.ask(&As::Bearer(token.to_owned()), who).await.data(), jane);
        let cookie = format!("keystone.sid={value}");
        assert_eq!(world.ask_with(&As::Nobody, who, json!({}), &[("cookie", &cookie)]).await.data(), jane);
        let curl = "{ authenticatedUser { id name } }";
        let jane = json!({"authenticatedUser": {"id": "jane", "name": "Jane Smith"}});
        assert_eq!(world.ask(&As::Bearer(token.to_owned()), curl).await.data(), jane);
        let session = "SELECT source || ' ' || provider || ' ' || subject AS value FROM condo_sessions";
        assert_eq!(texts(&world.database_url, session).await, ["gql authenticateUserWithEmailAndPassword jane"]);
        let record = "SELECT event || ' ' || subject || ' ' || detail AS value FROM audit WHERE event = 'SIGNED_IN'";
        assert_eq!(texts(&world.database_url, record).await, ["SIGNED_IN jane authenticateUserWithEmailAndPassword"]);
    }

    async fn the_documented_sign_in_by_phone_works(engine: Engine) {
        let world = world(engine).await;
        let answer = world.ask(&As::Nobody, &format!(r#"mutation SignInWithPhone {{
  authenticateUserWithPhoneAndPassword(data: {{
    phone: "+79991234567"
    password: "{PASSWORD}"
  }}) {{
    token
    item {{
      id
      name
      phone
    }}
  }}
}}"#)).await;
        let data = answer.data();
        let signed_in = &data["authenticateUserWithPhoneAndPassword"];
        assert_eq!(signed_in["item"], json!({"id": "jane", "name": "Jane Smith", "phone": "+79991234567"}));
        let token = As::Bearer(signed_in["token"].as_str().unwrap().to_owned());
        assert_eq!(world.ask(&token, "{ authenticatedUser { type } }").await.data()["authenticatedUser"]["type"], "staff");
    }

    async fn every_way_to_write_an_address_names_the_same_user(engine: Engine) {
        let world = world(engine).await;
        world.person(New { account_type: AccountType::Resident, ..staff("jane-at-home") }).await;
        for (change, expected) in [
            (json!({"email": " Jane@Example.COM "}), "jane"),
            (json!({"userType": "resident"}), "jane-at-home"),
            (json!({"captcha": "1234"}), "jane"),
            (json!({"captcha": null, "secondFactor": null}), "jane"),
        ] {
            let answer = by_email::ask(&world, change.clone()).await;
            assert_eq!(answer.data()[by_email::MUTATION]["item"]["id"], expected, "{change}");
        }
        for (change, expected) in [
            (json!({"phone": "+7 (999) 123-45-67"}), "jane"),
            (json!({"userType": "resident"}), "jane-at-home"),
            (json!({"userType": null}), "jane"),
            (json!({"dv": 1, "sender": {"dv": 1, "fingerprint": "my-app"}}), "jane"),
        ] {
            let answer = by_phone::ask(&world, change.clone()).await;
            assert_eq!(answer.data()[by_phone::MUTATION]["item"]["id"], expected, "{change}");
        }
    }

    /// `docs/condo-contract.md` 4.2: whatever is wrong, one answer.
    async fn what_is_wrong_with_a_try_is_not_told(engine: Engine) {
        let world = patient(engine).await;
        let other = |subject: &str, address: &str| New {
            email: Some(email(address, true)),
            phone: None,
            ..staff(subject)
        };
        world.person(New { email: Some(email("unproven@example.com", false)), ..other("unproven", "x@example.com") }).await;
        world.person(New { password: None, ..other("passless", "passless@example.com") }).await;
        world.person(other("gone", "gone@example.com")).await;
        let gone = domain::ids::Subject::parse("gone").unwrap();
        accounts::disable(&world.app.parts, gone).await.unwrap();
        world.person(New { account_type: AccountType::Service, ..other("robot", "robot@example.com") }).await;
        let rows = [
            json!({"password": "wrong"}),
            json!({"password": ""}),
            json!({"password": PASSWORD.to_uppercase()}),
            json!({"email": "nobody@example.com"}),
            json!({"email": "unproven@example.com"}),
            json!({"email": "passless@example.com"}),
            json!({"email": "gone@example.com"}),
            json!({"email": "robot@example.com"}),
            json!({"userType": "resident"}),
            json!({"password": "wrong", "secondFactor": {"type": "confirmPhoneToken", "value": "1234"}}),
            json!({"secondFactor": {"type": "confirmPhoneToken", "value": "1234"}}),
            json!({"secondFactor": {"type": "confirmPhoneToken", "value": "cp:18f854bd-8c06-4c98-bdcb-5b01f61ea383"}}),
            json!({"secondFactor": {"type": "confirmEmailToken", "value": "ce:18f854bd-8c06-4c98-bdcb-5b01f61ea383"}}),
            json!({"secondFactor": {"type": "CONFIRM_PHONE_TOKEN", "value": ""}}),
        ];
        for change in rows {
            let answer = by_email::ask(&world, change.clone()).await;
            assert_eq!((answer.status, answer.error()), (200, wrong()), "{change}");
            assert_eq!(answer.json()["data"], json!({by_email::MUTATION: null}), "{change}");
            assert_eq!(answer.header("set-cookie"), None, "{change}");
        }
        let by_phone = by_phone::ask(&world, json!({"password": "wrong"})).await.error();
        assert_eq!(by_phone, refusal(by_phone::MUTATION, json!({
            "code": "BAD_USER_INPUT", "type": "WRONG_CREDENTIALS", "message": "Wrong phone or password",
            "messageForUser": "Wrong phone or password",
            "messageForUserTemplateKey": "api.user.authenticateUserWithPhoneAndPassword.WRONG_CREDENTIALS",
        })));
        let why = "SELECT detail || ' ' || count(*) AS value FROM audit WHERE event = 'SIGN_IN_REFUSED' GROUP BY detail ORDER BY detail";
        assert_eq!(
            texts(&world.database_url, why).await,
            ["account_disabled 1", "no_password 1", "unknown_user 4", "wrong_password 5", "wrong_second_factor 4"],
            "one line for each, so that none takes longer to write"
        );
    }

    async fn what_is_out_of_shape_is_told_whole_and_in_order(engine: Engine) {
        let world = patient(engine).await;
        let dv = json!({
            "variable": ["data", "dv"], "code": "BAD_USER_INPUT", "type": "DV_VERSION_MISMATCH",
            "message": "Wrong value for data version number",
        });
        let message = "Invalid format of \"sender\" field value. Please, check the example for details";
        let sender = json!({
            "variable": ["data", "sender"], "code": "BAD_USER_INPUT", "type": "WRONG_FORMAT", "message": message,
            "messageInterpolation": {"details": "Please, check the example for details"},
            "correctExample": "{ \"dv\": 1, \"fingerprint\": \"uniq-device-or-container-id\" }",
        });
        let bad_sender = |dv: i32, fingerprint: &str| json!({"dv": dv, "fingerprint": fingerprint});
        let both: [(Value, &Value); 8] = [
            (json!({"dv": 2}), &dv),
            (json!({"dv": 0, "sender": bad_sender(2, ""), "email": "x", "phone": "x"}), &dv),
            (json!({"sender": bad_sender(2, "my-app")}), &sender),
            (json!({"sender": bad_sender(1, "-")}), &sender),
            (json!({"sender": bad_sender(1, &"x".repeat(43))}), &sender),
            (json!({"sender": bad_sender(1, "with space")}), &sender),
            (json!({"sender": bad_sender(1, "<script>")}), &sender),
            (json!({"sender": bad_sender(1, "-"), "email": "x", "phone": "x"}), &sender),
        ];
        for (change, told) in both {
            let (mut for_email, mut for_phone) = (change.clone(), change.clone());
            for_email.as_object_mut().unwrap().remove("phone");
            for_phone.as_object_mut().unwrap().remove("email");
            let error = by_email::ask(&world, for_email).await.error();
            assert_eq!(error, refusal(by_email::MUTATION, told.clone()), "{change}");
            let error = by_phone::ask(&world, for_phone).await.error();
            assert_eq!(error, refusal(by_phone::MUTATION, told.clone()), "{change}");
        }
        // What is said to be null is said.
        for (change, told) in [(json!({"dv": null}), &dv), (json!({"sender": null}), &sender)] {
            let error = by_phone::ask(&world, change.clone()).await.error();
            assert_eq!(error, refusal(by_phone::MUTATION, told.clone()), "{change}");
        }
        for address in ["", "jane", "@example.com", "jane@", "jane smith@example.com"] {
            let error = by_email::ask(&world, json!({"email": address})).await.error();
            assert_eq!(error, refusal(by_email::MUTATION, json!({
                "variable": ["data", "email"], "code": "BAD_USER_INPUT", "type": "WRONG_EMAIL_VALUE",
                "message": "Wrong format of provided email", "messageForUser": "Wrong format of provided email",
                "messageForUserTemplateKey": "api.user.authenticateUserWithEmailAndPassword.WRONG_EMAIL_VALUE",
                "correctExample": "example@example.com",
            })), "{address}");
        }
        for number in ["", "89991234567", "+7999123456", "phone", "+7999123456789"] {
            let error = by_phone::ask(&world, json!({"phone": number})).await.error();
            assert_eq!(error, refusal(by_phone::MUTATION, json!({
                "variable": ["data", "phone"], "code": "BAD_USER_INPUT", "type": "WRONG_PHONE_FORMAT",
                "message": "Wrong format of provided phone number", "messageForUser": "Wrong phone number format",
                "messageForUserTemplateKey": "api.common.WRONG_PHONE_FORMAT", "correctExample": "+79991234567",
            })), "{number}");
        }
    }

    async fn a_message_for_users_is_in_their_language(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            format!("locale = \"ru\"\n{}", with_sessions(settings)) + "[limits]\nsign_in_per_hour = 100\n"
        }).await;
        let (en, ru) = ("Wrong email or password", "Неверный адрес электронной почты или пароль");
        let rows: [Asked; 11] = [
            ("", &[], ru),
            ("", &[("accept-language", "en-US,en;q=0.9")], en),
            ("?locale=en", &[], en),
            ("?locale=ru", &[("accept-language", "en")], ru),
            ("?locale=de", &[("accept-language", "en")], en),
            ("?locale=ru", &[("cookie", "locale=en")], en),
            ("", &[("cookie", "NEXT_LOCALE=en")], en),
            ("", &[("cookie", "locale=ru; NEXT_LOCALE=en")], en),
            ("", &[("cookie", "locale=en; NEXT_LOCALE=ru")], ru),
            ("", &[("cookie", "NEXT_LOCALE=de; locale=en-GB")], en),
            ("", &[("cookie", "NEXT_LOCALE=fr")], ru),
        ];
        for (query, headers, expected) in rows {
            let answer = by_email::ask_at(&world, query, json!({}), headers).await;
            assert_eq!(answer.error()["extensions"]["messageForUser"], expected, "{query} {headers:?}");
            assert_eq!(answer.error()["message"], en, "words for developers are English");
        }
    }
}

/// On Postgres alone: on SQLite a transaction that holds the account holds off the counting of tries as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_meanwhile_lets_nobody_in() {
    let world = world(Engine::Postgres).await;
    let twin = New { email: None, phone: None, ..staff("twin") };
    world.person(twin).await;
    for meanwhile in
        ["password_hash = 'another'", "disabled_at = now()", "email_verified = false", "email = 'jane@other.example'"]
    {
        let mut sql = Sql::open(&world.database_url).await;
        sql.hold_subject("jane").await;
        let change = async {
            // The password was looked at, and the session is about to be opened.
            sql.wait_for_a_rival().await;
            sql.run(&format!("UPDATE accounts SET {meanwhile} WHERE subject = 'jane'; COMMIT")).await;
        };
        let (answer, ()) = futures_util::join!(by_email::ask(&world, json!({})), change);
        assert_eq!(answer.error(), wrong(), "{meanwhile}");
        assert_eq!(count(&world, "condo_sessions").await, 0, "{meanwhile}");
        let undo = "disabled_at = NULL, email_verified = true, email = 'jane@example.com'";
        let hash = "(SELECT password_hash FROM accounts WHERE subject = 'twin')";
        sql.run(&format!("UPDATE accounts SET {undo}, password_hash = {hash} WHERE subject = 'jane'")).await;
    }
    assert!(by_email::ask(&world, json!({})).await.data()[by_email::MUTATION]["token"].is_string());
}
