//! Nobody but an administrator widens what they may do, nor grants what they lack: rights sets, roles, and who gets which.

use domain::organization::RIGHTS;
use serde_json::{Value, json};
use service::accounts::Standing;

use crate::support::call::As;
use crate::support::office::{Office, to};
use crate::support::world::both_engines;

async fn supporter(office: &Office, name: &str) -> As {
    office.person(name, Standing { is_support: true, ..Standing::default() }).await
}

/// Whether a change is made; refused, it is refused as what nobody may see either.
async fn changes(office: &Office, who: &As, (kind, id): (&str, &str), data: Value) -> bool {
    let answer = office.update(who, kind, (id, data.clone()), "id").await;
    let is_made = answer.json().get("errors").is_none();
    assert!(is_made || answer.error()["name"] == "AccessDeniedError", "{data}: {}", answer.text());
    is_made
}

async fn makes(office: &Office, who: &As, kind: &str, data: Value) -> bool {
    let answer = office.create(who, kind, data.clone(), "id").await;
    let is_made = answer.json().get("errors").is_none();
    assert!(is_made || answer.error()["name"] == "AccessDeniedError", "{data}: {}", answer.text());
    is_made
}

both_engines! {
    async fn nobody_changes_a_rights_set_they_hold(engine: Engine) {
        let office = Office::open(engine).await;
        supporter(&office, "sam").await;
        let held = office.made("UserRightsSet", json!({"name": "Held", "canReadUsers": true})).await;
        let sam = office.assigned("sam", &held).await;
        let other = supporter(&office, "other").await;
        for change in [
            json!({"canManageUserRightsSetField": true}), json!({"canReadUsers": false}), json!({"name": "Mine"}),
            json!({"deletedAt": "2026-01-01T00:00:00Z"}),
        ] {
            assert!(!changes(&office, &sam, ("UserRightsSet", &held), change.clone()).await, "{change}");
            // Whoever doesn't hold it is not kept from it: it is no more than they have.
            assert_eq!(
                changes(&office, &other, ("UserRightsSet", &held), change.clone()).await,
                change.get("canManageUserRightsSetField").is_none(), "{change}"
            );
        }
        assert!(changes(&office, &office.admin, ("UserRightsSet", &held), json!({"canReadUsers": true, "deletedAt": null})).await);
    }

    async fn nobody_grants_a_right_they_lack(engine: Engine) {
        let office = Office::open(engine).await;
        let sam = supporter(&office, "sam").await;
        let plain = office.made("UserRightsSet", json!({"name": "Plain"})).await;
        let held = office.made("UserRightsSet", json!({"name": "Held", "canReadUsers": true})).await;
        supporter(&office, "rita").await;
        let rita = office.assigned("rita", &held).await;
        // What support staff do anyway, they may let others do.
        let of_support = [
            "canReadOrganizations", "canReadOrganizationEmployees", "canManageOrganizationEmployees",
            "canReadOrganizationEmployeeRoles",
        ];
        for right in RIGHTS {
            for (who, has) in [
                (&sam, of_support.contains(&right)), (&rita, right == "canReadUsers" || of_support.contains(&right)),
                (&office.admin, true),
            ] {
                assert_eq!(makes(&office, who, "UserRightsSet", json!({"name": "New", right: true})).await, has, "{right}");
                assert_eq!(changes(&office, who, ("UserRightsSet", &plain), json!({right: true})).await, has, "{right}");
                office.changed("UserRightsSet", &plain, json!({right: false})).await;
            }
            // To take back, or to leave as it is, is no granting.
            office.changed("UserRightsSet", &plain, json!({right: true})).await;
            assert!(changes(&office, &sam, ("UserRightsSet", &plain), json!({right: true, "name": "Same"})).await, "{right}");
            assert!(changes(&office, &sam, ("UserRightsSet", &plain), json!({right: false})).await, "{right}");
        }
    }

    async fn nobody_assigns_a_rights_set_that_is_more_than_theirs(engine: Engine) {
        let office = Office::open(engine).await;
        let assigner = json!({"name": "Assigners", "canManageUserRightsSetField": true, "canReadUsers": true});
        let assigns = office.made("UserRightsSet", assigner).await;
        let readers = office.made("UserRightsSet", json!({"name": "Readers", "canReadUsers": true})).await;
        let managers = office.made("UserRightsSet", json!({"name": "Managers", "canManageOrganizations": true})).await;
        for name in ["ronald", "elle"] {
            office.staff(name).await;
        }
        let ronald = office.assigned("ronald", &assigns).await;
        for (user, set, is_assigned) in [
            ("elle", to(&readers), true), ("elle", to(&assigns), true), ("elle", to(&managers), false),
            ("elle", json!({"disconnectAll": true}), true),
            ("ronald", to(&managers), false), ("ronald", to(&readers), false), ("ronald", json!({"disconnectAll": true}), false),
        ] {
            let data = json!({"rightsSet": set});
            assert_eq!(changes(&office, &ronald, ("User", user), data.clone()).await, is_assigned, "{user} {data}");
        }
    }

    async fn nobody_grants_a_permission_that_their_role_lacks(engine: Engine) {
        let office = Office::open(engine).await;
        let ours = office.organization("Ours").await;
        let manager = office.role(&ours, "Manager", json!({"canManageRoles": true, "canManageEmployees": true, "canReadTickets": false})).await;
        let clerk = office.role(&ours, "Clerk", json!({})).await;
        let owner = office.role(&ours, "Owner", json!({"canManageOrganization": true})).await;
        let mary = office.staff("mary").await;
        let cleo = office.staff("cleo").await;
        let marys = office.employee(&ours, ("mary", &manager), json!({})).await;
        let cleos = office.employee(&ours, ("cleo", &clerk), json!({})).await;
        for (role, change, may) in [
            (&clerk, json!({"canManageEmployees": true}), true), (&clerk, json!({"canManageOrganization": true}), false),
            (&clerk, json!({"canReadTickets": true, "name": "As it was"}), true), (&clerk, json!({"canReadTickets": false}), true),
            (&clerk, json!({"canReadTickets": true}), false),
            (&manager, json!({"canManageOrganization": true}), false), (&manager, json!({"name": "Managers"}), true),
        ] {
            assert_eq!(changes(&office, &mary, ("OrganizationEmployeeRole", role), change.clone()).await, may, "{change}");
            assert!(!changes(&office, &cleo, ("OrganizationEmployeeRole", role), change.clone()).await, "{change}");
        }
        // A new role may what is not said to be otherwise.
        let new = |more: Value| {
            let mut data = json!({"organization": to(&ours), "name": "New"});
            data.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            data
        };
        assert!(!makes(&office, &mary, "OrganizationEmployeeRole", new(json!({}))).await);
        assert!(makes(&office, &mary, "OrganizationEmployeeRole", new(json!({"canReadTickets": false}))).await);
        assert!(!makes(&office, &mary, "OrganizationEmployeeRole", new(json!({"canReadTickets": false, "canManageOrganization": true}))).await);
        // Nor does anybody get there by changing roles.
        for (employee, role, may) in [(&cleos, &owner, false), (&cleos, &manager, true), (&marys, &owner, false), (&marys, &clerk, false)] {
            let data = json!({"role": to(role)});
            assert_eq!(changes(&office, &mary, ("OrganizationEmployee", employee), data).await, may);
        }
    }

    /// Support staff, and who manages the employees or roles of all organizations, are not employees there.
    async fn who_manages_all_roles_grants_nothing_to_themselves(engine: Engine) {
        let office = Office::open(engine).await;
        let ours = office.organization("Ours").await;
        let clerk = office.role(&ours, "Clerk", json!({})).await;
        let owner = office.role(&ours, "Owner", json!({"canManageOrganization": true})).await;
        let set = json!({"name": "All", "canManageOrganizationEmployeeRoles": true, "canManageOrganizationEmployees": true});
        let set = office.made("UserRightsSet", set).await;
        let sam = supporter(&office, "sam").await;
        office.staff("rita").await;
        let rita = office.assigned("rita", &set).await;
        office.staff("cleo").await;
        let cleos = office.employee(&ours, ("cleo", &clerk), json!({})).await;
        let ritas = office.employee(&ours, ("rita", &clerk), json!({})).await;
        let sams = office.employee(&ours, ("sam", &clerk), json!({})).await;
        assert!(changes(&office, &rita, ("OrganizationEmployeeRole", &owner), json!({"canManageEmployees": true})).await);
        assert!(!changes(&office, &rita, ("OrganizationEmployeeRole", &clerk), json!({"canManageEmployees": true})).await);
        for (who, employee, may) in [(&rita, &cleos, true), (&sam, &cleos, true), (&rita, &ritas, false), (&sam, &sams, false)] {
            assert_eq!(changes(&office, who, ("OrganizationEmployee", employee), json!({"role": to(&owner)})).await, may);
            office.changed("OrganizationEmployee", employee, json!({"role": to(&clerk)})).await;
        }
        assert!(changes(&office, &rita, ("OrganizationEmployee", &ritas), json!({"name": "Rita"})).await);
    }
}
