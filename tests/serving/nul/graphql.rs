//! The same in GraphQL: in its texts, in its variables, in what comes with them.

use serde_json::{Value, json};

use super::{ID, NUL, assert_named};
use crate::support::office::Office;
use crate::support::world::{Answer, Body, both_engines};

/// The dialect's own envelope, with the character named.
#[track_caller]
fn assert_graphql(answer: &Answer, what: &str) {
    assert_named(answer, what);
    assert_eq!(answer.refused_as().1, "BAD_USER_INPUT", "{what}");
}

both_engines! {
    async fn in_every_text_of_graphql(engine: Engine) {
        let office = Office::open(engine).await;
        let sender = r#"dv: 1, sender: {dv: 1, fingerprint: "nul-tests"}"#;
        // `@` is where the text stands.
        let documents = [
            format!("mutation {{ createUser(data: {{{sender}, name: @, type: staff}}) {{ id }} }}"),
            format!("mutation {{ createUser(data: {{{sender}, name: \"x\", type: staff, email: @}}) {{ id }} }}"),
            format!("mutation {{ createUser(data: {{{sender}, name: \"x\", type: staff, phone: @}}) {{ id }} }}"),
            format!("mutation {{ createUser(data: {{{sender}, name: \"x\", type: staff, password: @}}) {{ id }} }}"),
            format!("mutation {{ createUser(data: {{{sender}, name: \"x\", type: staff, meta: {{a: [@]}}}}) {{ id }} }}"),
            "mutation { createUser(data: {dv: 1, sender: {dv: 1, fingerprint: @}, name: \"x\", type: staff}) { id } }".to_owned(),
            format!("mutation {{ updateUser(id: @, data: {{{sender}}}) {{ id }} }}"),
            format!("mutation {{ updateUser(id: \"admin\", data: {{{sender}, deletedAt: @}}) {{ id }} }}"),
            format!("mutation {{ updateUser(id: \"admin\", data: {{{sender}, rightsSet: {{connect: {{id: @}}}}}}) {{ id }} }}"),
            format!("mutation {{ createOrganization(data: {{{sender}, name: @}}) {{ id }} }}"),
            format!("mutation {{ updateOrganization(id: @, data: {{{sender}, name: \"x\"}}) {{ id }} }}"),
            format!("mutation {{ createOrganizationEmployeeRole(data: {{{sender}, name: @, organization: {{connect: {{id: \"{ID}\"}}}}}}) {{ id }} }}"),
            format!("mutation {{ createOrganizationEmployee(data: {{{sender}, organization: {{connect: {{id: \"{ID}\"}}}}, user: {{connect: {{id: @}}}}}}) {{ id }} }}"),
            format!("mutation {{ updateOrganizationEmployee(id: @, data: {{{sender}}}) {{ id }} }}"),
            format!("mutation {{ updateOrganizationEmployee(id: \"{ID}\", data: {{{sender}, name: @, email: @, phone: @}}) {{ id }} }}"),
            format!("mutation {{ createUserRightsSet(data: {{{sender}, name: @}}) {{ id }} }}"),
            format!("mutation {{ registerNewServiceUser(data: {{{sender}, name: @, email: \"a@b.c\"}}) {{ id }} }}"),
            format!("mutation {{ registerNewServiceUser(data: {{{sender}, name: \"x\", email: @}}) {{ id }} }}"),
            format!("mutation {{ registerNewServiceUser(data: {{{sender}, name: \"x\", email: \"a@b.c\", meta: {{a: @}}}}) {{ id }} }}"),
            format!("mutation {{ authenticateUserWithEmailAndPassword(data: {{{sender}, userType: staff, email: @, password: \"x\"}}) {{ token }} }}"),
            format!("mutation {{ authenticateUserWithEmailAndPassword(data: {{{sender}, userType: staff, email: \"a@b.c\", password: @}}) {{ token }} }}"),
            "mutation { authenticateUserWithPhoneAndPassword(data: {phone: @, password: \"x\"}) { token } }".to_owned(),
            "mutation { authenticateUserWithPhoneAndPassword(data: {phone: \"+79991234567\", password: @}) { token } }".to_owned(),
            format!("mutation {{ startConfirmPhoneAction(data: {{{sender}, captcha: @, phone: \"+79991234567\"}}) {{ token }} }}"),
            format!("mutation {{ startConfirmPhoneAction(data: {{{sender}, captcha: \"\", phone: @}}) {{ token }} }}"),
            format!("mutation {{ startConfirmPhoneAction(data: {{{sender}, captcha: \"\", user: {{id: @}}}}) {{ token }} }}"),
            format!("mutation {{ completeConfirmPhoneAction(data: {{{sender}, captcha: \"\", token: @, smsCode: 1234}}) {{ status }} }}"),
            format!("mutation {{ resendConfirmPhoneActionSms(data: {{{sender}, captcha: \"\", token: @}}) {{ status }} }}"),
            "{ result: getPhoneByConfirmPhoneActionToken(data: {token: @, captcha: \"\"}) { phone } }".to_owned(),
            "{ allUsers(where: {id: @}) { id } }".to_owned(),
            "{ allUsers(where: {name_contains: @}) { id } }".to_owned(),
            "{ allUsers(where: {AND: [{OR: [{email_in: [@]}]}]}) { id } }".to_owned(),
            "{ allUsers(search: @) { id } }".to_owned(),
            "{ allOrganizations(where: {name: @}) { id } }".to_owned(),
            "{ allOrganizations(search: @) { id } }".to_owned(),
            "{ allOrganizationEmployees(where: {user: {name_starts_with: @}}) { id } }".to_owned(),
            "{ allOrganizationEmployeeRoles(search: @) { id } }".to_owned(),
            "{ allUserRightsSets(search: @) { id } }".to_owned(),
            "{ _allUsersMeta(search: @) { count } }".to_owned(),
            "query ($a: String = @) { allUsers(search: $a) { id } }".to_owned(),
            "{ allUsers \u{1}skip(if: @) { id } }".to_owned(),
            "{ ...f } fragment f on Query { allUsers(search: @) { id } }".to_owned(),
        ];
        for document in documents {
            let document = document.replace('@', "\"a\\u0000b\"").replace('\u{1}', "@");
            assert_graphql(&office.world.ask(&office.admin, &document).await, &document);
        }
        // As a variable, at any depth, as a key, and in the members that say what to run.
        let query = "query ($a: String, $w: UserWhereInput) { allUsers(search: $a, where: $w) { id } }";
        for variables in [
            json!({"a": NUL}), json!({"w": {"name_contains": NUL}}), json!({"w": {"AND": [{"id_in": ["x", NUL]}]}}), json!({"a": "x", "b": NUL}),
            json!({NUL: "x"}), json!({"w": {NUL: "x"}}),
        ] {
            assert_graphql(&office.world.ask_with(&office.admin, query, variables.clone(), &[]).await, &variables.to_string());
        }
        let one = |body: Value| Body::Json(body);
        for body in [
            one(json!({"query": "query a { __typename }", "operationName": NUL})),
            one(json!({"query": format!("{{ __typename }} # {NUL}")})),
            one(json!({"query": "{ __typename }", "extensions": {"a": [NUL]}})),
            one(json!([{"query": "{ __typename }"}, {"query": "query ($a: String) { allUsers(search: $a) { id } }", "variables": {"a": NUL}}])),
        ] {
            let what = format!("{body:?}");
            assert_graphql(&office.world.call("POST", office.world.api(), &office.admin, body).await, &what);
        }
        let body = json!({"query": "query ($a: String) { allUsers(search: $a) { id } }", "variables": json!({"a": NUL}).to_string()});
        assert_graphql(&office.world.call("POST", office.world.api(), &office.admin, Body::Json(body)).await, "variables as JSON");
        for target in ["?query=%7B__typename%7D%00", "?query=%7B__typename%7D&operationName=%00", "?query=%7B__typename%7D&variables=%7B%22a%22%3A%22%5Cu0000%22%7D"] {
            assert_graphql(&office.world.call("GET", &format!("{}{target}", office.world.api()), &office.admin, Body::None).await, target);
        }
        // What only looks like it: in a block and behind an escaped backslash it is a backslash and a word.
        for text in ["\"\"\"a\\u0000b\"\"\"", "\"a\\\\u0000b\""] {
            let document = format!("{{ allUsers(search: {text}) {{ id }} }}");
            assert_eq!(office.world.ask(&office.admin, &document).await.data(), json!({"allUsers": []}), "{text}");
        }
    }
}
