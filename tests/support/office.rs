//! Organizations with people in them, set up by an administrator as clients would: by mutations.

use domain::account::AccountType;
use serde_json::{Value, json};
use service::accounts::{New, Standing};

use super::call::{Answer, As};
use super::condo::with_sessions;
use super::person::{PASSWORD, email, person};
use super::world::{Engine, World};

/// A world with an administrator.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) admin: As,
}

/// Arguments with what every change needs.
fn signed(mut data: Value) -> Value {
    data["dv"] = 1.into();
    data["sender"] = json!({"dv": 1, "fingerprint": "office-tests"});
    data
}

/// A relation to a record.
pub(crate) fn to(id: &str) -> Value {
    json!({"connect": {"id": id}})
}

impl Office {
    /// A world with an administrator, in which everybody may sign in as often as they like.
    pub(crate) async fn open(engine: Engine) -> Self {
        let often = |settings| with_sessions(settings) + "[limits]\nsign_in_per_hour = 1000\n";
        Self::open_in(World::start_with(engine, often).await).await
    }

    /// An administrator in a world that speaks the dialect.
    pub(crate) async fn open_in(world: World) -> Self {
        let mut office = Self { world, admin: As::Nobody };
        office.admin = office.person("admin", Standing { is_admin: true, ..Standing::default() }).await;
        office
    }

    /// Somebody with an account, signed in; the name is the id as well.
    pub(crate) async fn person(&self, name: &str, standing: Standing) -> As {
        let new = New {
            account_type: AccountType::Staff,
            name: Some(name.to_owned()),
            email: Some(email(&format!("{name}@example.com"), true)),
            standing,
            ..person(name)
        };
        self.world.person(new).await;
        self.sign_in(name, PASSWORD).await
    }

    /// Somebody whom nothing sets apart.
    pub(crate) async fn staff(&self, name: &str) -> As {
        self.person(name, Standing::default()).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> As {
        let query = "mutation ($data: AuthenticateUserWithEmailAndPasswordInput!) {
            authenticateUserWithEmailAndPassword(data: $data) { token } }";
        let data = signed(json!({"userType": "staff", "email": format!("{name}@example.com"), "password": password}));
        let answer = self.world.ask_with(&As::Nobody, query, json!({"data": data}), &[]).await.data();
        As::Bearer(answer["authenticateUserWithEmailAndPassword"]["token"].as_str().expect("a token").to_owned())
    }

    /// Makes a record of `kind`, such as `Organization`; `shown` are the fields of the answer.
    pub(crate) async fn create(&self, who: &As, kind: &str, data: Value, shown: &str) -> Answer {
        let query = format!("mutation ($data: {kind}CreateInput!) {{ create{kind}(data: $data) {{ {shown} }} }}");
        self.world.ask_with(who, &query, json!({"data": signed(data)}), &[]).await
    }

    /// Changes a record.
    pub(crate) async fn update(&self, who: &As, kind: &str, (id, data): (&str, Value), shown: &str) -> Answer {
        let query = format!(
            "mutation ($id: ID!, $data: {kind}UpdateInput!) {{ update{kind}(id: $id, data: $data) {{ {shown} }} }}"
        );
        self.world.ask_with(who, &query, json!({"id": id, "data": signed(data)}), &[]).await
    }

    /// Makes a record as the administrator; gives its id.
    pub(crate) async fn made(&self, kind: &str, data: Value) -> String {
        let answer = self.create(&self.admin, kind, data, "id").await.data();
        answer[format!("create{kind}")]["id"].as_str().expect("an id").to_owned()
    }

    /// Changes a record as the administrator.
    pub(crate) async fn changed(&self, kind: &str, id: &str, data: Value) {
        self.update(&self.admin, kind, (id, data), "id").await.data();
    }

    /// Gives somebody a rights set, which ends their sessions; gives the one of a new sign-in.
    pub(crate) async fn assigned(&self, name: &str, set: &str) -> As {
        self.changed("User", name, json!({"rightsSet": to(set)})).await;
        self.sign_in(name, PASSWORD).await
    }

    /// An organization.
    pub(crate) async fn organization(&self, name: &str) -> String {
        self.made("Organization", json!({"name": name})).await
    }

    /// A role of an organization, with what differs from a new one's.
    pub(crate) async fn role(&self, organization: &str, name: &str, mut permissions: Value) -> String {
        permissions["organization"] = to(organization);
        permissions["name"] = name.into();
        self.made("OrganizationEmployeeRole", permissions).await
    }

    /// An employee who took the invitation, with what differs from that.
    pub(crate) async fn employee(&self, organization: &str, (user, role): (&str, &str), differs: Value) -> String {
        let mut data = json!({
            "organization": to(organization), "user": to(user), "role": to(role), "name": user, "isAccepted": true,
        });
        for (name, value) in differs.as_object().expect("an object") {
            data[name] = value.clone();
        }
        self.made("OrganizationEmployee", data).await
    }

    /// What a list shows, one field of each record, in order of it.
    pub(crate) async fn list(&self, who: &As, list: &str, shown: &str) -> Vec<String> {
        let answer = self.world.ask(who, &format!("{{ {list} {{ {shown} }} }}")).await.data();
        let records = answer.as_object().and_then(|data| data.values().next()).and_then(Value::as_array);
        let mut shown: Vec<String> = records
            .unwrap_or_else(|| panic!("no list: {answer}"))
            .iter()
            .map(|record| record[shown].as_str().unwrap_or_else(|| panic!("{record}")).to_owned())
            .collect();
        shown.sort();
        shown
    }
}
