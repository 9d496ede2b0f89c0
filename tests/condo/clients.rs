//! Clients that no one here wrote: through the documents of the source's documentation, and as they come; and what the log has of it all.

use serde_json::{Value, json};

use crate::support::condo::{API, by_email, staff};
use crate::support::condo_clients::{CLIENTS, batches, walk};
use crate::support::graphql_client::request;
use crate::support::office::Office;
use crate::support::person::PASSWORD;
use crate::support::site::Site;
use crate::support::world::{As, both_engines};

const SIGN_IN: &str = r#"mutation SignIn {
  authenticateUserWithEmailAndPassword(data: {
    dv: 1
    sender: { dv: 1, fingerprint: "my-integration-v1" }
    userType: staff
    email: "jane@example.com"
    password: "correct horse battery staple"
  }) {
    token
    item {
      id
      name
      email
    }
  }
}"#;
const WHO_AM_I: &str = "query WhoAmI {
  authenticatedUser {
    id
    name
    email
    isAdmin
  }
}";
const MY_ORGANIZATIONS: &str = r#"query MyOrganizations {
  allOrganizationEmployees(
    where: { user: { id: "jane" }, isRejected: false, isBlocked: false }
  ) {
    organization {
      id
      name
    }
    role {
      name
      canManageTickets
    }
  }
}"#;
const SIGN_IN_WITH_PHONE: &str = r#"mutation SignInWithPhone {
  authenticateUserWithPhoneAndPassword(data: {
    phone: "+79991234567"
    password: "correct horse battery staple"
  }) {
    token
    item {
      id
      name
      phone
    }
  }
}"#;
const CREATE_SERVICE_USER: &str = r#"mutation CreateServiceUser {
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
}"#;
const SIGN_IN_AS_SERVICE: &str = r#"mutation SignInAsService {
  authenticateUserWithEmailAndPassword(data: {
    dv: 1
    sender: { dv: 1, fingerprint: "billing-integration" }
    userType: service
    email: "billing@example.com"
    password: "<generated-password>"
  }) {
    token
    item { id name }
  }
}"#;

both_engines! {
    async fn a_client_no_one_here_wrote_runs_the_documentation(engine: Engine) {
        assert_eq!(PASSWORD, "correct horse battery staple");
        let office = Office::open(engine).await;
        let world = &office.world;
        world.person(staff("jane")).await;
        let (ours, elsewhere) = (office.organization("Ours").await, office.organization("Elsewhere").await);
        let role = office.role(&ours, "Dispatcher", json!({"canManageTickets": true})).await;
        let blocked = office.role(&elsewhere, "Guest", json!({})).await;
        office.employee(&ours, ("jane", &role), json!({})).await;
        office.employee(&elsewhere, ("jane", &blocked), json!({"isBlocked": true})).await;
        let url = format!("{}{API}", world.base);
        let ask = async |token: Option<&str>, query: &str| request(&url, token, query, json!({})).await;

        let mut signed_in = ask(None, SIGN_IN).await;
        let token = signed_in["data"][by_email::MUTATION]["token"].take();
        assert_eq!(signed_in, json!({"data": {by_email::MUTATION: {
            "token": null, "item": {"id": "jane", "name": "Jane Smith", "email": "jane@example.com"},
        }}}));
        assert_eq!(ask(token.as_str(), WHO_AM_I).await, json!({"data": {"authenticatedUser": {
            "id": "jane", "name": "Jane Smith", "email": "jane@example.com", "isAdmin": false,
        }}}));
        assert_eq!(ask(token.as_str(), MY_ORGANIZATIONS).await, json!({"data": {"allOrganizationEmployees": [{
            "organization": {"id": ours, "name": "Ours"}, "role": {"name": "Dispatcher", "canManageTickets": true},
        }]}}));
        let by_phone = ask(None, SIGN_IN_WITH_PHONE).await;
        let item = json!({"id": "jane", "name": "Jane Smith", "phone": "+79991234567"});
        assert_eq!(by_phone["data"]["authenticateUserWithPhoneAndPassword"]["item"], item);

        let As::Bearer(admin) = &office.admin else { panic!("a token") };
        let made = ask(Some(admin), CREATE_SERVICE_USER).await["data"]["registerNewServiceUser"].take();
        let service = SIGN_IN_AS_SERVICE.replace("<generated-password>", made["password"].as_str().unwrap());
        let item = json!({"id": made["id"], "name": "Billing Integration"});
        assert_eq!(ask(None, &service).await["data"][by_email::MUTATION]["item"], item);

        // What fails is what such clients throw.
        let wrong = ask(None, &SIGN_IN.replace("battery", "cattery")).await;
        assert_eq!((&wrong["status"], &wrong["errors"][0]["extensions"]["type"]), (&json!(200), &json!("WRONG_CREDENTIALS")));
        let clerk = ask(None, &SIGN_IN.replace("staff", "clerk")).await;
        assert_eq!((&clerk["status"], &clerk["errors"][0]["name"]), (&json!(400), &json!("ValidationError")));
        let denied = ask(token.as_str(), CREATE_SERVICE_USER).await;
        assert_eq!(denied["errors"][0]["data"], json!({"type": "mutation", "target": "registerNewServiceUser"}));
    }

    /// With their own defaults: `@urql/core` asks by GET, Apollo adds `__typename`.
    async fn every_client_gets_through_as_it_comes(engine: Engine) {
        let office = Office::open(engine).await;
        let ours = office.organization("Ours").await;
        let url = format!("{}{API}", office.world.base);
        for client in CLIENTS {
            let given: Vec<Value> = walk(client, &url, &steps()).await.iter().map(plain).collect();
            let [signed_in, who, list, made, changed, found] = given.as_slice() else { panic!("{client}: {given:?}") };
            assert_eq!(signed_in["signedIn"]["item"], json!({"id": "admin"}), "{client}");
            assert_eq!(*who, json!({"who": {"id": "admin", "name": "admin", "email": "admin@example.com", "isAdmin": true}}), "{client}");
            assert_eq!(*list, json!({"list": [{"id": ours, "name": "Ours"}], "meta": {"count": 1}}), "{client}");
            let id = &made["made"]["id"];
            assert_eq!(*made, json!({"made": {"id": id, "name": "Made"}}), "{client}");
            assert_eq!(*changed, json!({"changed": {"id": id, "name": "Changed"}}), "{client}");
            assert_eq!(*found, json!({"found": [{"id": id, "name": "Changed"}]}), "{client}");
        }
    }

    /// 120 records: batches of 50, chunks of ids, and a token that is no good any more.
    async fn who_asks_in_batches_gets_through(engine: Engine) {
        let office = Office::open(engine).await;
        let url = format!("{}{API}", office.world.base);
        let names: Vec<String> = (0..120).map(|n| format!("Organization {n:03}")).collect();
        let given = batches(&url, "admin@example.com", PASSWORD, &names).await;
        let [made, found, changed] = given.as_slice() else { panic!("{given:?}") };
        assert_eq!((&made["made"], &made["distinct"], &made["signedIn"]), (&json!(120), &json!(120), &json!(1)));
        assert_eq!(found["found"], json!(names));
        let renamed: Vec<String> = names.iter().map(|name| format!("{name}!")).collect();
        assert_eq!((&changed["changed"], &changed["signedIn"]), (&json!(renamed), &json!(1)));
        // Three batches that are refused, and as many again; six chunks in one; three batches.
        assert_eq!(changed["requests"], json!(10));
    }
}

/// What every client is led through: signing in, who that is, a list, a new record, a changed one.
fn steps() -> Value {
    let sender = json!({"dv": 1, "fingerprint": "a-client"});
    json!([
        ["mutation", "mutation signIn($data: AuthenticateUserWithEmailAndPasswordInput!) {
            signedIn: authenticateUserWithEmailAndPassword(data: $data) { token item { id } } }", {"data": {
            "dv": 1, "sender": sender, "userType": "staff", "email": "admin@example.com", "password": PASSWORD,
        }}],
        ["query", "query who { who: authenticatedUser { id name email isAdmin } }", {}],
        ["query", "query list($where: OrganizationWhereInput!, $first: Int, $sortBy: [SortOrganizationsBy!]) {
            list: allOrganizations(where: $where, first: $first, sortBy: $sortBy) { id name }
            meta: _allOrganizationsMeta(where: $where) { count } }",
            {"where": {"name": "Ours"}, "first": 10, "sortBy": ["name_ASC"]}],
        ["mutation", "mutation create($data: OrganizationCreateInput) { made: createOrganization(data: $data) { id name } }",
            {"data": {"dv": 1, "sender": sender, "name": "Made"}}],
        ["mutation", "mutation update($id: ID!, $data: OrganizationUpdateInput) {
            changed: updateOrganization(id: $id, data: $data) { id name } }",
            {"id": "$made", "data": {"dv": 1, "sender": sender, "name": "Changed"}}],
        ["query", "query found($where: OrganizationWhereInput!) { found: allOrganizations(where: $where) { id name } }",
            {"where": {"id_in": ["$made"]}}],
    ])
}

/// What a client gave, without what it adds of its own.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "__typename")
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// Everything a process says, at its most talkative, while people sign in, fail to, and ask for nonsense.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_and_no_token_is_in_the_log() {
    let mut site = Site::alone();
    site.settings.push_str("[session]\nsecret = { env = \"COOKIE_SECRET\" }\n");
    site.env.push(("COOKIE_SECRET", "cookie-secret-of-the-site".to_owned()));
    site.env.push(("FEDLINK_LOG", "trace".to_owned()));
    let create = [
        "account",
        "create",
        "--id",
        "jane",
        "--type",
        "staff",
        "--email",
        "jane@example.com",
        "--email-verified",
        "--phone",
        "+79991234567",
        "--password-stdin",
        "--admin",
    ];
    site.feed(&create, PASSWORD).good();
    let running = site.serve();
    let url = format!("{}{API}", running.base_url);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let post = async |token: &str, body: String| {
        let request = client.post(&url).bearer_auth(token).header("content-type", "application/json").body(body);
        request.send().await.expect("it answers").text().await.expect("a body")
    };
    let query = |query: &str| json!({"query": query}).to_string();
    let signed_in: Value = serde_json::from_str(&post("", query(SIGN_IN)).await).unwrap();
    let token = signed_in["data"][by_email::MUTATION]["token"].as_str().unwrap().to_owned();
    let made: Value = serde_json::from_str(&post(&token, query(CREATE_SERVICE_USER)).await).unwrap();
    let generated = made["data"]["registerNewServiceUser"]["password"].as_str().unwrap().to_owned();
    post("", query(&SIGN_IN.replace("battery", "cattery"))).await;
    post("", query(&SIGN_IN.replace("staff", "clerk"))).await;
    post(&token, query(&SIGN_IN.replace("token\n", "token(\n"))).await;
    post(&token, "{\"query\": \"{ correct horse battery staple".to_owned()).await;
    post(&token, query("mutation { unauthenticateUser { success } }")).await;
    let logs = running.logs();
    assert!(logs.contains("TRACE") && logs.contains("listening on"), "the log does not tell all:\n{logs}");
    for secret in
        [PASSWORD, "correct horse cattery", &generated, &token, token.split('.').next().unwrap(), "cookie-secret"]
    {
        assert!(!logs.contains(secret), "{secret} in\n{logs}");
    }
}
