//! Who sees what of organizations and their people (`docs/condo-contract.md` 5): by standing there, by role, by rights set, by office.

use serde_json::json;
use service::accounts::Standing;

use crate::support::call::As;
use crate::support::office::Office;
use crate::support::world::both_engines;

/// Two organizations. In the first: alice in good standing, bob whose role reads nobody, carol who is invited, dave who is
/// blocked, eve who refused; in the second frank. Grace works nowhere.
struct Town {
    office: Office,
    /// The ids of the organizations.
    first: String,
    second: String,
    /// Everybody who looks, by name.
    people: Vec<(&'static str, As)>,
}

impl Town {
    async fn build(engine: crate::support::world::Engine) -> Self {
        let office = Office::open(engine).await;
        let (first, second) = (office.organization("First").await, office.organization("Second").await);
        let reader = office.role(&first, "Reader", json!({})).await;
        let blind = office.role(&first, "Blind", json!({"canReadEmployees": false})).await;
        let other = office.role(&second, "Other", json!({"canManageTickets": true})).await;
        let support = Standing { is_support: true, ..Standing::default() };
        let mut people = vec![("admin", office.admin.clone()), ("support", office.person("support", support).await)];
        for name in ["alice", "bob", "carol", "dave", "eve", "frank", "grace"] {
            people.push((name, office.staff(name).await));
        }
        office.staff("rita").await;
        let rights =
            office.made("UserRightsSet", json!({"name": "Auditors", "canReadOrganizationEmployees": true})).await;
        people.push(("rita", office.assigned("rita", &rights).await));
        for (name, role, differs) in [
            ("alice", &reader, json!({})),
            ("bob", &blind, json!({})),
            ("carol", &reader, json!({"isAccepted": false})),
            ("dave", &reader, json!({"isBlocked": true})),
            ("eve", &reader, json!({"isRejected": true})),
        ] {
            office.employee(&first, (name, role), differs).await;
        }
        office.employee(&second, ("frank", &other), json!({})).await;
        Self { office, first, second, people }
    }

    fn who(&self, name: &str) -> &As {
        self.people.iter().find(|(known, _)| *known == name).map(|(_, who)| who).expect("somebody of the town")
    }

    /// Asserts what everybody sees of a list.
    async fn see(&self, (list, shown): (&str, &str), rows: &[(&str, &[&str])]) {
        assert_eq!(rows.len(), self.people.len(), "everybody looks");
        for (name, expected) in rows {
            assert_eq!(self.office.list(self.who(name), list, shown).await, *expected, "{name}: {list}");
        }
    }
}

const ALL: &[&str] = &["alice", "bob", "carol", "dave", "eve", "frank"];
const OF_FIRST: &[&str] = &["alice", "bob", "carol", "dave", "eve"];
const EVERYBODY: &[&str] = &["admin", "alice", "bob", "carol", "dave", "eve", "frank", "grace", "rita", "support"];

both_engines! {
    async fn everybody_sees_what_their_standing_opens(engine: Engine) {
        let town = Town::build(engine).await;
        town.see(("allOrganizationEmployees", "name"), &[
            ("admin", ALL),
            ("support", ALL),
            ("rita", ALL),
            ("alice", OF_FIRST),
            ("bob", &["bob"]),
            ("carol", &["carol"]),
            ("dave", &["dave"]),
            ("eve", &["eve"]),
            ("frank", &["frank"]),
            ("grace", &[]),
        ]).await;
        town.see(("allOrganizations", "name"), &[
            ("admin", &["First", "Second"]),
            ("support", &["First", "Second"]),
            ("rita", &[]),
            ("alice", &["First"]),
            ("bob", &["First"]),
            ("carol", &["First"]),
            ("dave", &[]),
            ("eve", &[]),
            ("frank", &["Second"]),
            ("grace", &[]),
        ]).await;
        town.see(("allOrganizationEmployeeRoles", "name"), &[
            ("admin", &["Blind", "Other", "Reader"]),
            ("support", &["Blind", "Other", "Reader"]),
            ("rita", &[]),
            ("alice", &["Blind", "Reader"]),
            ("bob", &["Blind", "Reader"]),
            ("carol", &[]),
            ("dave", &[]),
            ("eve", &[]),
            ("frank", &["Other"]),
            ("grace", &[]),
        ]).await;
        town.see(("allUsers", "name"), &[
            ("admin", EVERYBODY),
            ("support", EVERYBODY),
            ("rita", &["rita"]),
            ("alice", OF_FIRST),
            ("bob", &["bob"]),
            ("carol", &["carol"]),
            ("dave", &["dave"]),
            ("eve", &["eve"]),
            ("frank", &["frank"]),
            ("grace", &["grace"]),
        ]).await;
        town.see(("allUserRightsSets", "name"), &[
            ("admin", &["Auditors"]),
            ("support", &["Auditors"]),
            ("rita", &["Auditors"]),
            ("alice", &[]),
            ("bob", &[]),
            ("carol", &[]),
            ("dave", &[]),
            ("eve", &[]),
            ("frank", &[]),
            ("grace", &[]),
        ]).await;
        // As many are counted as are shown.
        let counts = "{ _allOrganizationEmployeesMeta { count } _allOrganizationsMeta { count } _allUsersMeta { count }
            _allOrganizationEmployeeRolesMeta { count } _allUserRightsSetsMeta { count } }";
        let counted = town.office.world.ask(town.who("alice"), counts).await.data();
        assert_eq!(counted, json!({
            "_allOrganizationEmployeesMeta": {"count": 5}, "_allOrganizationsMeta": {"count": 1}, "_allUsersMeta": {"count": 5},
            "_allOrganizationEmployeeRolesMeta": {"count": 2}, "_allUserRightsSetsMeta": {"count": 0},
        }));
    }

    async fn the_documented_query_shows_where_one_works(engine: Engine) {
        let town = Town::build(engine).await;
        let query = |user: &str| format!(
            "query MyOrganizations {{
              allOrganizationEmployees(
                where: {{ user: {{ id: \"{user}\" }}, isRejected: false, isBlocked: false }}
              ) {{
                organization {{
                  id
                  name
                }}
                role {{
                  name
                  canManageTickets
                }}
              }}
            }}"
        );
        let ask = async |name: &str| town.office.world.ask(town.who(name), &query(name)).await.data();
        let works = |organization, name, role, tickets| json!({"allOrganizationEmployees": [
            {"organization": {"id": organization, "name": name}, "role": {"name": role, "canManageTickets": tickets}},
        ]});
        assert_eq!(ask("alice").await, works(&town.first, "First", "Reader", false));
        assert_eq!(ask("frank").await, works(&town.second, "Second", "Other", true));
        for name in ["dave", "eve", "grace"] {
            assert_eq!(ask(name).await, json!({"allOrganizationEmployees": []}), "{name}");
        }
        // Who is only invited sees where to, not as what.
        let invited = json!({"allOrganizationEmployees": [{"organization": {"id": town.first, "name": "First"}, "role": null}]});
        assert_eq!(ask("carol").await, invited);
        // What can't be seen in a list can't be seen through another.
        let nested = "{ allOrganizationEmployees(where: { name: \"dave\" }) { organization { id } role { id } user { id } } }";
        let own = json!({"allOrganizationEmployees": [{"organization": null, "role": null, "user": {"id": "dave"}}]});
        assert_eq!(town.office.world.ask(town.who("dave"), nested).await.data(), own);
        // Nor guessed by asking for it: dave's record is there, and what it is of is not his to see.
        for (wanted, found) in [
            ("{ user: { id: \"dave\" } }", 1),
            ("{ organization: { name_contains: \"F\" } }", 0),
            ("{ role: { name: \"Reader\" } }", 0),
            ("{ role: { organization: { id_not: \"x\" } } }", 0),
        ] {
            let list = format!("allOrganizationEmployees(where: {wanted})");
            assert_eq!(town.office.list(town.who("dave"), &list, "name").await.len(), found, "{wanted}");
        }
    }

    async fn addresses_are_for_who_may_see_them(engine: Engine) {
        let town = Town::build(engine).await;
        let world = &town.office.world;
        let colleague = "{ allUsers(where: { id: \"bob\" }) { id email } }";
        let answer = world.ask(town.who("alice"), colleague).await;
        assert_eq!(answer.json()["data"], json!({"allUsers": [{"id": "bob", "email": null}]}));
        assert_eq!(answer.error()["name"], "AccessDeniedError");
        assert_eq!(world.ask(town.who("admin"), colleague).await.data()["allUsers"][0]["email"], "bob@example.com");
        let own = "{ allUsers(where: { id: \"alice\" }) { email isTwoFactorAuthenticationEnabled } }";
        let seen = json!({"allUsers": [{"email": "alice@example.com", "isTwoFactorAuthenticationEnabled": false}]});
        assert_eq!(world.ask(town.who("alice"), own).await.data(), seen);
        let second_factor = "{ allUsers(where: { id: \"bob\" }) { isTwoFactorAuthenticationEnabled } }";
        assert_eq!(world.ask(town.who("support"), second_factor).await.status, 200);
        assert_eq!(world.ask(town.who("alice"), second_factor).await.error()["name"], "AccessDeniedError");
        // Nor may they be guessed by asking for them.
        for query in [
            "{ allUsers(where: { email: \"bob@example.com\" }) { id } }",
            "{ allUsers(where: { OR: [{ phone_not: null }, { AND: [{ email_contains: \"b\" }] }] }) { id } }",
            "{ _allUsersMeta(where: { email_in: [\"bob@example.com\"] }) { count } }",
            "{ allOrganizationEmployees(where: { user: { phone: \"+79991234567\" } }) { id } }",
            "{ allUsers(sortBy: [name_ASC, phone_DESC]) { id } }",
        ] {
            for name in ["alice", "support"] {
                assert_eq!(world.ask(town.who(name), query).await.error()["name"], "AccessDeniedError", "{name}: {query}");
            }
            world.ask(town.who("admin"), query).await.data();
        }
    }

    async fn nobody_and_the_deleted_see_and_change_nothing(engine: Engine) {
        let town = Town::build(engine).await;
        let world = &town.office.world;
        town.office.changed("User", "grace", json!({"deletedAt": "2026-01-01T00:00:00.000Z"})).await;
        let sender = "dv: 1, sender: { dv: 1, fingerprint: \"office-tests\" }";
        let mut asked: Vec<String> = ["Users", "Organizations", "OrganizationEmployees", "OrganizationEmployeeRoles", "UserRightsSets"]
            .iter()
            .flat_map(|list| [format!("{{ all{list} {{ id }} }}"), format!("{{ _all{list}Meta {{ count }} }}")])
            .collect();
        asked.push(format!("mutation {{ createOrganization(data: {{ {sender}, name: \"x\" }}) {{ id }} }}"));
        asked.push(format!("mutation {{ updateUser(id: \"grace\", data: {{ {sender}, isAdmin: true }}) {{ id }} }}"));
        for query in &asked {
            for (who, name) in [(&As::Nobody, "AuthenticationError"), (town.who("grace"), "AccessDeniedError")] {
                let answer = world.ask(who, query).await;
                assert_eq!((answer.status, answer.error()["name"].as_str()), (200, Some(name)), "{query}");
            }
        }
        // A user who is no more is in no list, unless somebody asks for those.
        assert!(!town.office.list(town.who("admin"), "allUsers", "name").await.contains(&"grace".to_owned()));
        let deleted = "allUsers(where: { deletedAt_not: null })";
        assert_eq!(town.office.list(town.who("admin"), deleted, "name").await, ["grace"]);
    }

    async fn what_is_deleted_opens_nothing(engine: Engine) {
        let town = Town::build(engine).await;
        let (office, alice) = (&town.office, town.who("alice"));
        let gone = json!({"deletedAt": "2026-01-01T00:00:00.000Z"});
        let ids = "{ allOrganizationEmployees(where: { user: { id: \"alice\" } }) { id role { id } organization { id } } }";
        let found = office.world.ask(&office.admin, ids).await.data()["allOrganizationEmployees"][0].clone();
        let id = |pointer: &str| found.pointer(pointer).and_then(|id| id.as_str()).expect("an id").to_owned();
        for (kind, id) in [
            ("OrganizationEmployeeRole", id("/role/id")),
            ("Organization", id("/organization/id")),
            ("OrganizationEmployee", id("/id")),
        ] {
            assert_eq!(office.list(alice, "allOrganizationEmployees", "name").await, OF_FIRST, "{kind}");
            office.changed(kind, &id, gone.clone()).await;
            let left = office.list(alice, "allOrganizationEmployees", "name").await;
            assert_eq!(left, if kind == "OrganizationEmployee" { vec![] } else { vec!["alice"] }, "{kind}");
            office.changed(kind, &id, json!({"deletedAt": null})).await;
        }
        assert_eq!(office.list(alice, "allOrganizationEmployees", "name").await, OF_FIRST);
        // A rights set that is deleted is taken away for good.
        let sets = "{ allUserRightsSets { id } }";
        let set = office.world.ask(&office.admin, sets).await.data()["allUserRightsSets"][0]["id"].as_str().unwrap().to_owned();
        office.changed("UserRightsSet", &set, gone).await;
        assert_eq!(office.list(town.who("rita"), "allOrganizationEmployees", "name").await, [""; 0]);
        office.changed("UserRightsSet", &set, json!({"deletedAt": null})).await;
        assert_eq!(office.list(town.who("rita"), "allOrganizationEmployees", "name").await, [""; 0]);
    }
}
