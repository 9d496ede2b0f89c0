//! Making and changing users, organizations, roles, employees and rights sets: by whom, and what is refused.

use serde_json::{Value, json};
use service::accounts::Standing;

use crate::support::call::As;
use crate::support::database::texts;
use crate::support::office::{Office, to};
use crate::support::person::PASSWORD;
use crate::support::world::{Body, both_engines};

both_engines! {
    async fn records_are_changed_by_whom_they_are_open_to(engine: Engine) {
        let office = Office::open(engine).await;
        let (ours, theirs) = (office.organization("Ours").await, office.organization("Theirs").await);
        let all = json!({"canManageOrganization": true, "canManageEmployees": true, "canManageRoles": true});
        let manager = office.role(&ours, "Manager", all).await;
        let clerk = office.role(&ours, "Clerk", json!({})).await;
        let foreign = office.role(&theirs, "Foreign", json!({})).await;
        let support = office.person("support", Standing { is_support: true, ..Standing::default() }).await;
        let mut people = vec![("admin", office.admin.clone()), ("support", support)];
        for name in ["manager", "clerk", "stranger"] {
            people.push((name, office.staff(name).await));
        }
        for name in ["rita", "ronald"] {
            office.staff(name).await;
        }
        office.employee(&ours, ("manager", &manager), json!({})).await;
        let employee = office.employee(&ours, ("clerk", &clerk), json!({})).await;
        let elsewhere = office.employee(&theirs, ("stranger", &foreign), json!({})).await;
        let right = json!({
            "name": "Managers", "canManageOrganizations": true, "canManageOrganizationEmployees": true,
            "canManageOrganizationEmployeeRoles": true,
        });
        let set = office.made("UserRightsSet", right).await;
        people.push(("rita", office.assigned("rita", &set).await));
        let assigns = office.made("UserRightsSet", json!({"name": "Assigners", "canManageUserRightsSetField": true})).await;
        people.push(("ronald", office.assigned("ronald", &assigns).await));

        let rows: [(&str, Option<&str>, Value, &[&str]); 14] = [
            ("Organization", None, json!({"name": "New"}), &["admin", "rita"]),
            ("Organization", Some(&ours), json!({"name": "Ours"}), &["admin", "manager", "rita"]),
            ("Organization", Some(&theirs), json!({"name": "Theirs"}), &["admin", "rita"]),
            ("OrganizationEmployeeRole", None, json!({"organization": to(&ours), "name": "New"}), &["admin", "manager", "rita"]),
            ("OrganizationEmployeeRole", None, json!({"organization": to(&theirs), "name": "New"}), &["admin", "rita"]),
            ("OrganizationEmployeeRole", Some(&clerk), json!({"name": "Clerk"}), &["admin", "manager", "rita"]),
            ("OrganizationEmployeeRole", Some(&foreign), json!({"name": "Foreign"}), &["admin", "rita"]),
            ("OrganizationEmployee", Some(&employee), json!({"isBlocked": false}), &["admin", "support", "manager", "rita"]),
            ("OrganizationEmployee", Some(&elsewhere), json!({"name": "Else"}), &["admin", "support", "rita"]),
            ("OrganizationEmployee", Some(&employee), json!({"isAccepted": true}), &["admin"]),
            ("OrganizationEmployee", Some(&employee), json!({"isRejected": false}), &["admin"]),
            ("UserRightsSet", Some(&set), json!({"name": "Managers"}), &["admin", "support"]),
            ("User", Some("stranger"), json!({"name": "Stranger"}), &["admin", "stranger"]),
            ("User", Some("stranger"), json!({"rightsSet": {"disconnectAll": true}}), &["admin", "ronald"]),
        ];
        for (kind, id, data, may) in rows {
            for (name, who) in &people {
                let answer = match id {
                    Some(id) => office.update(who, kind, (id, data.clone()), "id").await,
                    None => office.create(who, kind, data.clone(), "id").await,
                };
                if may.contains(name) {
                    answer.data();
                } else {
                    assert_eq!(answer.error()["name"], "AccessDeniedError", "{name}: {kind} {id:?} {data}");
                }
            }
        }
        for (kind, data) in [
            ("User", json!({"name": "x", "type": "staff"})),
            ("OrganizationEmployee", json!({"organization": to(&ours), "user": to("rita")})),
        ] {
            for (name, who) in people.iter().filter(|(name, _)| *name != "admin") {
                assert_eq!(office.create(who, kind, data.clone(), "id").await.error()["name"], "AccessDeniedError", "{name}");
            }
        }
        // Whoever assigns rights sets does no more than that.
        let more = json!({"rightsSet": {"disconnectAll": true}, "isAdmin": true});
        let ronald = &people.last().expect("ronald").1;
        assert_eq!(office.update(ronald, "User", ("ronald", more), "id").await.error()["name"], "AccessDeniedError");
        // One that isn't there is told from one that isn't open by nobody.
        for id in ["9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e", "no id"] {
            for kind in ["Organization", "OrganizationEmployeeRole", "OrganizationEmployee", "UserRightsSet", "User"] {
                let answer = office.update(&office.admin, kind, (id, json!({"name": "x"})), "id").await;
                assert_eq!(answer.error()["name"], "AccessDeniedError", "{kind} {id}");
            }
        }
    }

    async fn a_user_works_once_for_an_organization(engine: Engine) {
        let office = Office::open(engine).await;
        let (ours, theirs) = (office.organization("Ours").await, office.organization("Theirs").await);
        let role = office.role(&ours, "Clerk", json!({})).await;
        office.staff("clerk").await;
        let first = office.employee(&ours, ("clerk", &role), json!({})).await;
        let again = json!({"organization": to(&ours), "user": to("clerk"), "role": to(&role)});
        let refused = office.create(&office.admin, "OrganizationEmployee", again.clone(), "id").await.error();
        assert_eq!(refused["name"], "ValidationFailureError");
        assert_eq!(refused["data"]["messages"], json!(["[unique:alreadyExists] the user is an employee of the organization already"]));
        office.changed("OrganizationEmployee", &first, json!({"deletedAt": "2026-01-01T00:00:00Z"})).await;
        office.create(&office.admin, "OrganizationEmployee", again, "id").await.data();
        let back = office.update(&office.admin, "OrganizationEmployee", (&first, json!({"deletedAt": null})), "id").await;
        assert_eq!(back.error()["name"], "ValidationFailureError");
        for (data, told) in [
            (json!({"organization": to(&theirs), "user": to("clerk"), "role": to(&role)}), "role is of another organization"),
            (json!({"organization": to(&theirs), "user": to("nobody")}), "user is not there"),
            (json!({"organization": to("x"), "user": to("clerk")}), "organization is not there"),
            (json!({"organization": {}, "user": to("clerk")}), "organization is missing: { connect: { id: \"…\" } }"),
            (json!({"organization": to(&theirs), "user": to("clerk"), "phone": "12"}), "phone must be + and 7 to 15 digits, country code first, such as +79991234567"),
        ] {
            let answer = office.create(&office.admin, "OrganizationEmployee", data.clone(), "id").await;
            assert_eq!(answer.error()["message"], told, "{data}");
        }
    }

    async fn a_user_is_made_signs_in_and_is_changed(engine: Engine) {
        let office = Office::open(engine).await;
        let data = json!({
            "type": "staff", "name": "Nora", "email": "Nora@Example.com", "isEmailVerified": true, "phone": "+7 (999) 000-12-34",
            "password": PASSWORD, "meta": {"source": "import"},
        });
        let shown = "id type name email isEmailVerified phone isPhoneVerified isAdmin isSupport meta deletedAt rightsSet { name }";
        let made = office.create(&office.admin, "User", data.clone(), shown).await.data()["createUser"].clone();
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made, json!({
            "id": id, "type": "staff", "name": "Nora", "email": "nora@example.com", "isEmailVerified": true,
            "phone": "+79990001234", "isPhoneVerified": false, "isAdmin": false, "isSupport": false,
            "meta": {"source": "import"}, "deletedAt": null, "rightsSet": null,
        }));
        let refused = office.create(&office.admin, "User", data, "id").await.error();
        assert_eq!(refused["data"]["messages"], json!(["[unique:email:multipleFound] user already exists"]));
        office.staff("other").await;
        let taken = office.update(&office.admin, "User", ("other", json!({"phone": "+79990001234"})), "id").await.error();
        assert_eq!(taken["data"]["messages"], json!(["[unique:phone:multipleFound] user already exists"]));

        // Another address is nobody's own until it is shown to be, or said to be.
        let another = json!({"email": "nora2@example.com", "phone": "+79990001234"});
        office.changed("User", &id, json!({"isPhoneVerified": true})).await;
        let changed = office.update(&office.admin, "User", (&id, another), "isEmailVerified isPhoneVerified").await.data();
        assert_eq!(changed["updateUser"], json!({"isEmailVerified": false, "isPhoneVerified": true}));
        let same = json!({"email": "nora@example.com", "isEmailVerified": true});
        let changed = office.update(&office.admin, "User", (&id, same), "isEmailVerified").await.data();
        assert_eq!(changed["updateUser"], json!({"isEmailVerified": true}));

        // The subject is the same in both dialects.
        let console = office.world.console().await;
        let listed = office.world.call("GET", &format!("/api/v3/users/{id}/fa"), &console, Body::None).await;
        assert_eq!((listed.status, listed.json()), (200, json!([])));

        let who = office.sign_in("nora", PASSWORD).await;
        let asked = "{ authenticatedUser { id name } }";
        assert_eq!(office.world.ask(&who, asked).await.data()["authenticatedUser"]["id"], id.as_str());
        office.changed("User", &id, json!({"password": "another horse battery staple"})).await;
        assert_eq!(office.world.ask(&who, asked).await.data(), json!({"authenticatedUser": null}), "signed out everywhere");
        let who = office.sign_in("nora", "another horse battery staple").await;
        office.changed("User", &id, json!({"deletedAt": "2026-01-01T00:00:00Z"})).await;
        assert_eq!(office.world.ask(&who, asked).await.error()["name"], "AccessDeniedError");
        office.changed("User", &id, json!({"deletedAt": null})).await;
        assert_eq!(office.world.ask(&who, asked).await.data(), json!({"authenticatedUser": null}), "not back to life");

        // Every change has its line: what, of whom, by whom.
        let lines = "SELECT subject || ' by ' || actor AS value FROM audit WHERE event = 'ACCOUNT_CHANGED' ORDER BY at";
        let expected = format!("{id} by admin");
        assert_eq!(texts(&office.world.database_url, lines).await, vec![expected; 7]);
        let dump = texts(&office.world.database_url, "SELECT coalesce(detail, '') AS value FROM audit").await.join("\n");
        assert!(!dump.contains("horse") && !dump.contains("example.com"), "{dump}");
    }

    async fn what_no_record_can_be_is_refused_by_name(engine: Engine) {
        let office = Office::open(engine).await;
        let sender = json!({"dv": 1, "fingerprint": "office-tests"});
        let query = "mutation ($data: OrganizationCreateInput!) { createOrganization(data: $data) { id } }";
        let ask = async |data: Value| office.world.ask_with(&office.admin, query, json!({"data": data}), &[]).await;
        let refused = ask(json!({"dv": 2, "sender": sender, "name": "x"})).await;
        assert_eq!(refused.refused_as(), (200, "DV_VERSION_MISMATCH".to_owned()));
        let refused = ask(json!({"dv": 1, "sender": {"dv": 1, "fingerprint": "-"}, "name": "x"})).await.error();
        assert_eq!(
            refused["message"],
            "Invalid format of \"sender\" field value. fingerprint: 'Fingerprint is invalid'; 'Fingerprint is too short (minimum is 5 characters)'"
        );
        assert_eq!(refused["extensions"]["mutation"], "createOrganization");
        for name in ["", "  ", "\u{200B}", &"x".repeat(10_000)] {
            assert!(ask(json!({"dv": 1, "sender": sender, "name": name})).await.error()["message"].as_str().unwrap().starts_with("name "), "{name:?}");
        }
        for (data, told) in [
            (json!({"email": "nobody"}), "email must be an address such as elle@example.com"),
            (json!({"password": "short"}), "password must have from 8 to 256 characters"),
            (json!({"email": "a@example.com", "password": "A@example.com"}), "password must not be the account's id, e-mail address or phone number"),
            (json!({"meta": [1]}), "meta must be an object"),
            (json!({"rightsSet": to("9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e")}), "rightsSet is not there"),
        ] {
            assert_eq!(office.create(&office.admin, "User", data.clone(), "id").await.error()["message"], told, "{data}");
        }
        let moment = office.update(&office.admin, "User", ("admin", json!({"deletedAt": "soon"})), "id").await.error();
        assert_eq!(moment["message"], "deletedAt must be a moment such as 2026-01-31T12:00:00.000Z, or null");
        assert_eq!(office.list(&office.admin, "allOrganizations", "name").await, [""; 0], "nothing was made");
        assert_eq!(office.list(&As::clone(&office.admin), "allUsers", "name").await, ["admin"]);
    }
}
