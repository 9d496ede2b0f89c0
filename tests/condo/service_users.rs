//! Service users: programs whose password is told once, to who may make them.

use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, New, Standing};

use crate::support::condo::{by_email, staff};
use crate::support::database::{Sql, texts};
use crate::support::person::email;
use crate::support::world::{Answer, As, World, both_engines};

const MUTATION: &str = "registerNewServiceUser";

/// Somebody of the staff with this standing.
async fn signed_in(world: &World, subject: &str, standing: Standing) -> As {
    let address = format!("{subject}@example.com");
    world.person(New { email: Some(email(&address, true)), phone: None, standing, ..staff(subject) }).await;
    let answer = by_email::ask(world, json!({"email": address})).await;
    As::Bearer(answer.data()[by_email::MUTATION]["token"].as_str().unwrap().to_owned())
}

async fn admin(world: &World) -> As {
    signed_in(world, "admin", Standing { is_admin: true, ..Standing::default() }).await
}

async fn register(world: &World, who: &As, change: Value) -> Answer {
    let query = "mutation ($data: RegisterNewServiceUserInput!) {\n  registerNewServiceUser(data: $data) { id email password }\n}";
    let mut data = json!({
        "dv": 1, "sender": {"dv": 1, "fingerprint": "admin-cli"}, "name": "Billing Integration", "email": "billing@example.com",
    });
    data.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    world.ask_with(who, query, json!({"data": data}), &[]).await
}

fn error(name: &str, message: &str, mut extensions: Value, data: Option<Value>) -> Value {
    extensions["messageForDeveloper"] = format!("{message}\n\nGraphQL request:2:3").into();
    let mut error = json!({
        "message": message, "name": name, "locations": [{"line": 2, "column": 3}], "path": [MUTATION],
        "extensions": extensions,
    });
    if let Some(data) = data {
        error["data"] = data;
    }
    error
}

fn denied() -> Value {
    let data = json!({"type": "mutation", "target": MUTATION});
    let message = "You do not have access to this resource";
    error("AccessDeniedError", message, json!({"code": "INTERNAL_SERVER_ERROR"}), Some(data))
}

both_engines! {
    /// The two documents of the source's documentation, letter for letter but for the values.
    async fn the_documented_service_user_signs_in(engine: Engine) {
        let world = World::condo(engine).await;
        let admin = admin(&world).await;
        let answer = world.ask(&admin, r#"mutation CreateServiceUser {
  registerNewServiceUser(data: {
    dv: 1
    sender: { dv: 1, fingerprint: "admin-cli" }
    name: "Billing Integration"
    email: "billing@example.com"
  }) {
    id
    email
    password
  }
}"#).await;
        let made = answer.data()[MUTATION].clone();
        assert_eq!(made["email"], "billing@example.com");
        let password = made["password"].as_str().unwrap();
        assert!(password.len() == 32 && password.chars().all(|c| c.is_ascii_alphanumeric()), "{password}");

        let answer = world.ask(&As::Nobody, &format!(r#"mutation SignInAsService {{
  authenticateUserWithEmailAndPassword(data: {{
    dv: 1
    sender: {{ dv: 1, fingerprint: "billing-integration" }}
    userType: service
    email: "billing@example.com"
    password: "{password}"
  }}) {{
    token
    item {{ id name }}
  }}
}}"#)).await;
        let signed_in = answer.data()[by_email::MUTATION].clone();
        assert_eq!(signed_in["item"], json!({"id": made["id"], "name": "Billing Integration"}));
        let token = As::Bearer(signed_in["token"].as_str().unwrap().to_owned());
        let who = world.ask(&token, "{ authenticatedUser { type isEmailVerified isAdmin isSupport meta deletedAt } }").await;
        assert_eq!(who.data()["authenticatedUser"], json!({
            "type": "service", "isEmailVerified": true, "isAdmin": false, "isSupport": false, "meta": {}, "deletedAt": null,
        }));
        let stored = texts(&world.database_url, "SELECT password_hash AS value FROM accounts WHERE account_type = 'service'").await;
        assert!(stored.concat().starts_with("$argon2id$") && !stored.concat().contains(password), "{stored:?}");
    }

    async fn an_address_makes_one_service_user(engine: Engine) {
        let world = World::condo(engine).await;
        let admin = admin(&world).await;
        register(&world, &admin, json!({"meta": {"team": "billing"}})).await.data();
        let message = "[unique:email:multipleFound] user already exists";
        for again in [json!({}), json!({"email": "Billing@Example.com "}), json!({"name": "Another"})] {
            let answer = register(&world, &admin, again).await;
            let extensions = json!({"mutation": MUTATION, "code": "INTERNAL_ERROR", "type": "SUB_GQL_ERROR", "message": message});
            assert_eq!((answer.status, answer.error()), (200, error("GQLError", message, extensions, None)));
        }
        // The address of a user of another type is another's business.
        register(&world, &admin, json!({"email": "admin@example.com"})).await.data();
        let meta = texts(&world.database_url, "SELECT meta AS value FROM accounts WHERE email = 'billing@example.com'").await;
        assert_eq!(meta, [r#"{"team":"billing"}"#]);
        let record = "SELECT count(*) || ' ' || event AS value FROM audit WHERE event = 'ACCOUNT_CREATED' GROUP BY event";
        assert_eq!(texts(&world.database_url, record).await, ["3 ACCOUNT_CREATED"]);
    }

    async fn only_who_may_makes_them(engine: Engine) {
        let world = World::condo(engine).await;
        let message = "No or incorrect authentication credentials";
        let extensions = json!({"code": "UNAUTHENTICATED", "message": message});
        let nobody = register(&world, &As::Nobody, json!({})).await;
        assert_eq!((nobody.status, nobody.error()), (200, error("AuthenticationError", message, extensions, None)));
        assert_eq!(nobody.json()["data"], json!({MUTATION: null}));
        let support = signed_in(&world, "support", Standing { is_support: true, ..Standing::default() }).await;
        let clerk = signed_in(&world, "clerk", Standing::default()).await;
        for who in [&support, &clerk] {
            // Denied before anything of what was sent is looked at.
            for change in [json!({}), json!({"dv": 2}), json!({"email": "x"})] {
                assert_eq!(register(&world, who, change).await.error(), denied());
            }
        }
        let id = "9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e";
        let now = if world.database_url.starts_with("sqlite:") { "0" } else { "now()" };
        let mut sql = Sql::open(&world.database_url).await;
        sql.run(&format!(
            "INSERT INTO rights_sets (id, name, granted, created, updated) VALUES ('{id}', 'makers', 'canExecuteRegisterNewServiceUser', {now}, {now});
             UPDATE accounts SET rights_set = '{id}' WHERE subject = 'clerk'"
        )).await;
        assert_eq!(register(&world, &clerk, json!({})).await.data()[MUTATION]["email"], "billing@example.com");
        sql.run(&format!("UPDATE rights_sets SET deleted_at = {now}")).await;
        assert_eq!(register(&world, &clerk, json!({})).await.error(), denied(), "a set that is deleted grants nothing");
        let admin = admin(&world).await;
        accounts::disable(&world.app.parts, Subject::parse("admin").unwrap()).await.unwrap();
        assert_eq!(register(&world, &admin, json!({})).await.error(), denied(), "a user who is deleted");
    }

    async fn what_is_out_of_shape_is_told(engine: Engine) {
        let world = World::condo(engine).await;
        let admin = admin(&world).await;
        let shape = |variable: &str, kind: &str, message: &str| json!({
            "mutation": MUTATION, "variable": ["data", variable], "code": "BAD_USER_INPUT", "type": kind, "message": message,
        });
        let message = "Wrong value for data version number";
        let extensions = shape("dv", "DV_VERSION_MISMATCH", message);
        let refused = register(&world, &admin, json!({"dv": 2, "sender": {"dv": 2, "fingerprint": ""}})).await;
        assert_eq!(refused.error(), error("GQLError", message, extensions, None));
        let details = "fingerprint: 'Fingerprint is invalid'; 'Fingerprint is too short (minimum is 5 characters)', dv: 'Dv must be equal to 1'";
        let message = format!("Invalid format of \"sender\" field value. {details}");
        let mut extensions = shape("sender", "WRONG_FORMAT", &message);
        extensions["messageInterpolation"] = json!({"details": details});
        extensions["correctExample"] = json!("{ \"dv\": 1, \"fingerprint\": \"uniq-device-or-container-id\" }");
        let refused = register(&world, &admin, json!({"sender": {"dv": 2, "fingerprint": "-"}})).await;
        assert_eq!(refused.error(), error("GQLError", &message, extensions, None));
        let rows = [
            (json!({"email": "billing"}), "WRONG_EMAIL_VALUE"),
            (json!({"name": "\n"}), "WRONG_VALUE"),
            (json!({"meta": [1]}), "WRONG_VALUE"),
        ];
        for (change, kind) in rows {
            assert_eq!(register(&world, &admin, change.clone()).await.refused_as(), (200, kind.to_owned()), "{change}");
        }
        assert_eq!(texts(&world.database_url, "SELECT subject AS value FROM accounts").await, ["admin"]);
    }
}
