//! Documents as the source's clients write them: every type that they declare is there under its name, and every field that
//! they ask is answered, with null where nothing is kept.

use serde_json::{Value, json};

use crate::support::office::{Office, to};
use crate::support::person::PASSWORD;
use crate::support::world::{As, Engine, both_engines};

struct Staffed {
    office: Office,
    organization: String,
    role: String,
    clerk: As,
}

/// An organization with a clerk.
async fn staffed(engine: Engine) -> Staffed {
    let office = Office::open(engine).await;
    let organization = office.organization("Ours").await;
    let role = office.role(&organization, "Clerk", json!({})).await;
    let clerk = office.staff("clerk").await;
    office.employee(&organization, ("clerk", &role), json!({})).await;
    Staffed { office, organization, role, clerk }
}

const SENDER: &str = r#"dv: 1, sender: { dv: 1, fingerprint: "documents" }"#;

both_engines! {
    async fn an_employee_is_shown_with_all_that_clients_ask(engine: Engine) {
        let Staffed { office, organization, role, clerk } = staffed(engine).await;
        let document = "query active($user: ID!, $types: [OrganizationTypeType!]) {
            list: allOrganizationEmployees(
                where: { user: { id: $user, type: staff }, organization: { type_in: $types }, isAccepted: true, isRejected: false }
                first: 1, skip: 0, sortBy: [createdAt_DESC]
            ) {
                id dv v newId sender { dv fingerprint } createdBy { id } updatedBy { id } createdAt updatedAt deletedAt
                organization { id name type tin country dv v sender { dv } createdBy { name } updatedAt }
                role { id name description organization { id } canReadEmployees dv newId updatedBy { id } }
                user { id name dv v createdAt updatedAt deletedAt avatar { publicUrl } locale }
            }
            meta: _allOrganizationEmployeesMeta(where: { user: { id: $user }, organization: { type_in: $types } }) { count }
        }";
        let variables = json!({"user": "clerk", "types": ["MANAGING_COMPANY", "SERVICE_PROVIDER"]});
        let data = office.world.ask_with(&clerk, document, variables, &[]).await.data();
        assert_eq!(data["meta"]["count"], 1);
        let shown = &data["list"][0];
        let nothing = Value::Null;
        for (pointer, expected) in [
            ("/dv", json!(1)),
            ("/organization/id", json!(organization)),
            ("/organization/type", json!("MANAGING_COMPANY")),
            ("/organization/dv", json!(1)),
            ("/role/id", json!(role)),
            ("/role/organization/id", json!(organization)),
            ("/role/canReadEmployees", json!(true)),
            ("/user/id", json!("clerk")),
            ("/user/dv", json!(1)),
        ] {
            assert_eq!(shown.pointer(pointer), Some(&expected), "{pointer}");
        }
        for pointer in ["/v", "/newId", "/sender", "/createdBy", "/updatedBy", "/deletedAt", "/organization/tin", "/organization/country",
            "/role/description", "/role/newId", "/user/avatar", "/user/locale", "/user/v", "/user/deletedAt"] {
            assert_eq!(shown.pointer(pointer), Some(&nothing), "{pointer}");
        }
        for pointer in ["/createdAt", "/updatedAt", "/organization/updatedAt", "/user/createdAt", "/user/updatedAt"] {
            assert!(shown.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
        }
    }

    async fn organizations_are_managing_companies(engine: Engine) {
        let Staffed { office, .. } = staffed(engine).await;
        for (asked, count) in [
            ("type: MANAGING_COMPANY", 1),
            ("type: HOLDING", 0),
            ("type: null", 0),
            ("type_not: MANAGING_COMPANY", 0),
            ("type_not: SERVICE_PROVIDER", 1),
            ("type_not: null", 1),
            ("type_in: [HOLDING, MANAGING_COMPANY]", 1),
            ("type_in: MANAGING_COMPANY", 1),
            ("type_in: [HOLDING]", 0),
            ("type_in: []", 0),
            ("type_in: null", 1),
            ("type_not_in: [MANAGING_COMPANY]", 0),
            ("type_not_in: [HOLDING]", 1),
            ("type_not_in: []", 1),
            ("AND: [{type: MANAGING_COMPANY}, {name: \"Theirs\"}]", 0),
            ("OR: [{type: HOLDING}, {name: \"Ours\"}]", 1),
        ] {
            let document = format!("{{ _allOrganizationsMeta(where: {{ {asked} }}) {{ count }} }}");
            let meta = office.world.ask(&office.admin, &document);
            assert_eq!(meta.await.data()["_allOrganizationsMeta"]["count"], count, "{asked}");
        }
    }

    async fn who_is_signed_in_is_told_as_the_web_client_asks(engine: Engine) {
        let Staffed { office, clerk, .. } = staffed(engine).await;
        let document = "query authenticatedUser { authenticatedUser { id name avatar { publicUrl } phone email isAdmin isSupport
            rightsSet { id } type locale showGlobalHints hasMarketingConsent } }";
        let data = office.world.ask(&clerk, document).await.data();
        assert_eq!(data["authenticatedUser"], json!({
            "id": "clerk", "name": "clerk", "avatar": null, "phone": null, "email": "clerk@example.com", "isAdmin": false,
            "isSupport": false, "rightsSet": null, "type": "staff", "locale": null, "showGlobalHints": null,
            "hasMarketingConsent": null,
        }));
    }

    async fn roles_are_listed_with_their_organization(engine: Engine) {
        let Staffed { office, organization, role, clerk } = staffed(engine).await;
        let theirs = office.organization("Theirs").await;
        let foreign = office.role(&theirs, "Foreign", json!({})).await;
        let document = "query roles($organization: ID!) {
            roles: allOrganizationEmployeeRoles(where: { organization: { id: $organization } }, first: 100) {
                id name description organization { id type } } }";
        for (who, of, expected) in [
            (&clerk, &organization, json!([{"id": role, "name": "Clerk", "description": null,
                "organization": {"id": organization, "type": "MANAGING_COMPANY"}}])),
            (&clerk, &theirs, json!([])),
            (&office.admin, &theirs, json!([{"id": foreign, "name": "Foreign", "description": null,
                "organization": {"id": theirs, "type": "MANAGING_COMPANY"}}])),
        ] {
            let data = office.world.ask_with(who, document, json!({"organization": of}), &[]).await.data();
            assert_eq!(data["roles"], expected);
        }
        // Who reads every role reads no organization by it.
        office.staff("reader").await;
        let set = office.made("UserRightsSet", json!({"name": "Roles", "canReadOrganizationEmployeeRoles": true})).await;
        let reader = office.assigned("reader", &set).await;
        let document = "{ roles: allOrganizationEmployeeRoles(where: { name: \"Foreign\" }) { id name description organization { id } } }";
        let data = office.world.ask(&reader, document).await.data();
        assert_eq!(data["roles"], json!([{"id": foreign, "name": "Foreign", "description": null, "organization": null}]));
    }

    async fn changes_declare_the_types_of_the_source(engine: Engine) {
        let Staffed { office, organization, role, .. } = staffed(engine).await;
        office.staff("rita").await;
        let rights = office.made("UserRightsSet", json!({"name": "None"})).await;
        let rows = [
            (
                format!("mutation ($organization: OrganizationRelateToOneInput!, $user: UserRelateToOneInput!, $role: OrganizationEmployeeRoleRelateToOneInput) {{
                    obj: createOrganizationEmployee(data: {{ {SENDER}, organization: $organization, user: $user, role: $role }}) {{ role {{ organization {{ id }} }} }} }}"),
                json!({"organization": to(&organization), "user": to("rita"), "role": to(&role)}),
                json!({"role": {"organization": {"id": organization}}}),
            ),
            (
                format!("mutation ($organization: OrganizationWhereUniqueInput!) {{
                    obj: createOrganizationEmployeeRole(data: {{ {SENDER}, name: \"New\", organization: {{ connect: $organization }} }}) {{ name organization {{ id }} }} }}"),
                json!({"organization": {"id": organization}}),
                json!({"name": "New", "organization": {"id": organization}}),
            ),
            (
                format!("mutation ($id: ID!, $set: UserRightsSetRelateToOneInput) {{
                    obj: updateUser(id: $id, data: {{ {SENDER}, rightsSet: $set }}) {{ id rightsSet {{ id dv }} }} }}"),
                json!({"id": "rita", "set": to(&rights)}),
                json!({"id": "rita", "rightsSet": {"id": rights, "dv": 1}}),
            ),
            (
                "mutation ($id: ID!, $data: OrganizationUpdateInput) { obj: updateOrganization(id: $id, data: $data) { name tin } }".to_owned(),
                json!({"id": organization, "data": {"dv": 1, "sender": {"dv": 1, "fingerprint": "documents"}, "name": "Renamed"}}),
                json!({"name": "Renamed", "tin": null}),
            ),
            (
                "mutation ($id: ID!, $data: OrganizationEmployeeRoleUpdateInput) { obj: updateOrganizationEmployeeRole(id: $id, data: $data) { name organization { name } } }".to_owned(),
                json!({"id": role, "data": {"dv": 1, "sender": {"dv": 1, "fingerprint": "documents"}, "name": "Clerks"}}),
                json!({"name": "Clerks", "organization": {"name": "Renamed"}}),
            ),
        ];
        for (document, variables, expected) in rows {
            let data = office.world.ask_with(&office.admin, &document, variables, &[]).await.data();
            assert_eq!(data["obj"], expected, "{document}");
        }
        let nothing = format!("mutation {{ updateOrganization(id: \"{organization}\") {{ id }} }}");
        assert_eq!(office.world.ask(&office.admin, &nothing).await.error()["message"], "data is missing");
        for (document, types) in [
            ("authenticateUserWithEmailAndPassword(data: { userType: staff, email: \"rita@example.com\",", "AuthenticateUserWithEmailAndPassword"),
            ("authenticateUserWithPhoneAndPassword(data: { phone: \"+79991234567\",", "AuthenticateUserWithPhoneAndPassword"),
        ] {
            for (declared, factor) in [
                (format!("$factor: {types}SecondFactorInput"), "$factor"),
                (format!("$type: {types}SecondFactorType!"), "{ type: $type, value: \"cp:no\" }"),
            ] {
                let document = format!("mutation ($password: String!, {declared}) {{
                    {document} {SENDER}, password: $password, secondFactor: {factor} }}) {{ token }} }}");
                let variables = json!({"password": PASSWORD, "factor": {"type": "confirmPhoneToken", "value": "cp:no"}, "type": "confirmPhoneToken"});
                let error = office.world.ask_with(&As::Nobody, &document, variables, &[]).await.error();
                assert_eq!(error["extensions"]["type"], "WRONG_CREDENTIALS", "{document}");
            }
        }
    }

    async fn an_older_name_orders_a_list(engine: Engine) {
        let Staffed { office, .. } = staffed(engine).await;
        office.organization("Another").await;
        let ordered = async |by: &str| {
            let document = format!("{{ allOrganizations({by}) {{ name }} }}");
            office.world.ask(&office.admin, &document).await
        };
        let names = |data: &Value| data["allOrganizations"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(&ordered("orderBy: \"name_ASC\"").await.data()), ["Another", "Ours"]);
        assert_eq!(names(&ordered("orderBy: \"name_DESC\"").await.data()), ["Ours", "Another"]);
        assert_eq!(names(&ordered("orderBy: \"name_ASC\", sortBy: [name_DESC]").await.data()), ["Ours", "Another"]);
        assert_eq!(ordered("orderBy: \"\"").await.data()["allOrganizations"].as_array().map(Vec::len), Some(2));
        for wrong in ["name", "type_ASC", "name_UP", "password_ASC"] {
            let told = ordered(&format!("orderBy: \"{wrong}\"")).await.error();
            assert_eq!(told["message"], "orderBy must be a field and _ASC or _DESC, such as createdAt_DESC", "{wrong}");
        }
    }

    async fn everybody_changes_their_own_name_and_no_more(engine: Engine) {
        let Staffed { office, clerk, .. } = staffed(engine).await;
        let data = office.update(&clerk, "User", ("clerk", json!({"name": "Clara"})), "id name email").await.data();
        assert_eq!(data["updateUser"], json!({"id": "clerk", "name": "Clara", "email": "clerk@example.com"}));
        let told = office.update(&clerk, "User", ("clerk", json!({"name": "a".repeat(256)})), "id").await.error();
        assert!(told["message"].as_str().unwrap().starts_with("name "), "{told}");
        for data in [
            json!({"name": "Clara", "email": "other@example.com"}),
            json!({"isAdmin": true}),
            json!({"isEmailVerified": true}),
            json!({"phone": "+79991234567"}),
            json!({"password": "another long password"}),
            json!({"isTwoFactorAuthenticationEnabled": false}),
            json!({"meta": {}}),
            json!({"rightsSet": {"disconnectAll": true}}),
            json!({"deletedAt": null}),
        ] {
            let refused = office.update(&clerk, "User", ("clerk", data.clone()), "id").await.error();
            assert_eq!(refused["name"], "AccessDeniedError", "{data}");
        }
        for (id, data) in [
            ("admin", json!({"name": "Clara"})),
            ("admin", json!({})),
            ("nobody-there", json!({"name": "Clara"})),
            ("nobody-there", json!({})),
        ] {
            let refused = office.update(&clerk, "User", (id, data), "id").await.error();
            assert_eq!(refused["name"], "AccessDeniedError", "{id}");
        }
        // The session stands.
        assert_eq!(office.world.ask(&clerk, "{ authenticatedUser { name } }").await.data()["authenticatedUser"]["name"], "Clara");
    }
}
