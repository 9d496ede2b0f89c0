//! By what lists can be asked for, in which order, and how many at once.

use serde_json::{Value, json};

use crate::support::office::Office;
use crate::support::world::{Engine, both_engines};

/// Organizations `a` to `e`, and an employee in each, one of them blocked.
async fn office(engine: Engine) -> (Office, Vec<String>) {
    let office = Office::open(engine).await;
    office.staff("alice").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "100%_e'"] {
        let organization = office.organization(name).await;
        let role = office.role(&organization, &format!("role of {name}"), json!({})).await;
        let differs = json!({"isBlocked": name == "c", "name": if name == "b" { Value::Null } else { name.into() }});
        office.employee(&organization, ("alice", &role), differs).await;
        ids.push(organization);
    }
    (office, ids)
}

both_engines! {
    async fn a_list_shows_what_is_asked_for(engine: Engine) {
        let (office, ids) = office(engine).await;
        let all: &[&str] = &["100%_e'", "a", "b", "c", "d"];
        let rows: Vec<(String, &[&str])> = vec![
            (String::new(), all),
            ("{}".to_owned(), all),
            (format!("{{ id: \"{}\" }}", ids[1]), &["b"]),
            (format!("{{ id_in: [\"{}\", \"{}\"] }}", ids[1], ids[3]), &["b", "d"]),
            (format!("{{ id_not: \"{}\" }}", ids[1]), &["100%_e'", "a", "c", "d"]),
            (format!("{{ id_not_in: [\"{}\", \"{}\"] }}", ids[1], ids[3]), &["100%_e'", "a", "c"]),
            ("{ id: \"no uuid\" }".to_owned(), &[]),
            ("{ id: 5 }".to_owned(), &[]),
            ("{ id_in: [\"no uuid\"] }".to_owned(), &[]),
            ("{ id_not: \"no uuid\" }".to_owned(), all),
            ("{ id_in: [] }".to_owned(), &[]),
            ("{ name: \"a\" }".to_owned(), &["a"]),
            ("{ name: \"A\" }".to_owned(), &[]),
            ("{ name_contains: \"%_\" }".to_owned(), &["100%_e'"]),
            ("{ name_contains: \"E\" }".to_owned(), &[]),
            ("{ name: \"' OR 1=1; --\" }".to_owned(), &[]),
            ("{ name_in: [\"a\", \"d\", \"x\"] }".to_owned(), &["a", "d"]),
            ("{ name_in: \"a\" }".to_owned(), &["a"]),
            ("{ AND: [{ name_not: \"a\" }, { name_not: \"b\" }] }".to_owned(), &["100%_e'", "c", "d"]),
            ("{ OR: [{ name: \"a\" }, { AND: [{ name: \"b\" }, { name_contains: \"b\" }] }, { name: null }] }".to_owned(), &["a", "b"]),
            ("{ OR: [] }".to_owned(), &[]),
            ("{ AND: [] }".to_owned(), all),
            ("{ createdAt_gt: \"2020-01-01T00:00:00.000Z\", createdAt_lt: \"2020-01-02T00:00:00+03:00\" }".to_owned(), &[]),
            ("{ createdAt_gte: \"2020-01-01T00:00:00Z\", deletedAt: null }".to_owned(), all),
            ("{ deletedAt_not: null }".to_owned(), &[]),
        ];
        for (wanted, expected) in rows {
            let arguments = if wanted.is_empty() { String::new() } else { format!("(where: {wanted})") };
            let found = office.list(&office.admin, &format!("allOrganizations{arguments}"), "name").await;
            assert_eq!(found, expected, "{wanted}");
        }
    }

    async fn related_records_are_asked_for_as_well(engine: Engine) {
        let (office, ids) = office(engine).await;
        let rows: Vec<(String, usize)> = vec![
            (format!("{{ organization: {{ id: \"{}\" }} }}", ids[0]), 1),
            (format!("{{ organization: {{ id_in: [\"{}\", \"{}\"] }}, isBlocked: false }}", ids[0], ids[2]), 1),
            ("{ organization: { OR: [{ name: \"a\" }, { name: \"c\" }] }, user: { id: \"alice\" } }".to_owned(), 2),
            ("{ role: { organization: { name: \"d\" } } }".to_owned(), 1),
            ("{ role: { name_contains: \"role of\" }, isBlocked_not: true }".to_owned(), 4),
            ("{ role_is_null: true }".to_owned(), 0),
            ("{ role_is_null: false }".to_owned(), 5),
            ("{ user: { id: \"bob\" } }".to_owned(), 0),
            ("{ user: { type: staff, isAdmin: false } }".to_owned(), 5),
            ("{ user: { type_in: [resident, service] } }".to_owned(), 0),
            ("{ isAccepted: true, isRejected: false, isBlocked: true }".to_owned(), 1),
            ("{ name: null }".to_owned(), 1),
            ("{ name_not: \"a\" }".to_owned(), 4),
            ("{ name_not_in: [\"a\", \"c\"] }".to_owned(), 3),
        ];
        for (wanted, expected) in rows {
            let query = format!("{{ allOrganizationEmployees(where: {wanted}) {{ id }} _allOrganizationEmployeesMeta(where: {wanted}) {{ count }} }}");
            let answer = office.world.ask(&office.admin, &query).await.data();
            assert_eq!(answer["allOrganizationEmployees"].as_array().unwrap().len(), expected, "{wanted}");
            assert_eq!(answer["_allOrganizationEmployeesMeta"]["count"], expected, "{wanted}");
        }
        // As variables, too.
        let query = "query ($where: OrganizationEmployeeWhereInput, $by: [SortOrganizationEmployeesBy!]) {
            allOrganizationEmployees(where: $where, sortBy: $by, search: \"a\") { name } }";
        let variables = json!({"where": {"user": {"id": "alice"}, "OR": [{"isBlocked": false}]}, "by": ["name_DESC"]});
        let answer = office.world.ask_with(&office.admin, query, variables, &[]).await.data();
        assert_eq!(answer, json!({"allOrganizationEmployees": [{"name": "a"}]}));
    }

    async fn a_page_has_its_order(engine: Engine) {
        let (office, _) = office(engine).await;
        let names = async |arguments: &str| -> Vec<Value> {
            let query = format!("{{ allOrganizationEmployees({arguments}) {{ name }} }}");
            let answer = office.world.ask(&office.admin, &query).await.data();
            answer["allOrganizationEmployees"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect()
        };
        // Who has no name comes last either way.
        assert_eq!(names("sortBy: [name_ASC]").await, [json!("100%_e'"), json!("a"), json!("c"), json!("d"), json!(null)]);
        assert_eq!(names("sortBy: [name_DESC]").await, [json!("d"), json!("c"), json!("a"), json!("100%_e'"), json!(null)]);
        assert_eq!(names("sortBy: name_ASC, first: 2, skip: 1").await, [json!("a"), json!("c")]);
        assert_eq!(names("sortBy: [isBlocked_DESC, name_DESC], first: 2").await, [json!("c"), json!("d")]);
        assert_eq!(names("first: 1").await, [json!("a")], "the oldest");
        assert_eq!(names("first: 0").await, [json!(null); 0]);
        assert_eq!(names("skip: 5").await, [json!(null); 0]);
        for (arguments, told) in [
            ("first: 1001", "first must be from 0 to 1000"),
            ("first: -1", "first must be from 0 to 1000"),
            ("skip: -1", "skip must not be negative"),
        ] {
            let answer = office.world.ask(&office.admin, &format!("{{ allUsers({arguments}) {{ id }} }}")).await;
            assert_eq!((answer.status, answer.error()["message"].as_str()), (200, Some(told)));
        }
    }

    async fn what_no_list_has_is_refused_by_name(engine: Engine) {
        let (office, _) = office(engine).await;
        for (query, told) in [
            ("{ allUsers(where: { password: \"x\" }) { id } }", "password"),
            ("{ allOrganizations(where: { user: { id: \"x\" } }) { id } }", "user"),
            ("{ allOrganizations(where: { name: 1 }) { id } }", "name"),
            ("{ allOrganizations(where: { OR: [{ nam: \"x\" }] }) { id } }", "nam"),
            ("{ allOrganizations(sortBy: [password_ASC]) { id } }", "password_ASC"),
            ("{ allUsers(where: { type: admin }) { id } }", "admin"),
            ("{ allOrganizations(orderedBy: \"name_ASC\") { id } }", "orderedBy"),
        ] {
            let answer = office.world.ask(&office.admin, query).await;
            let error = answer.error();
            assert_eq!((answer.status, error["name"].as_str()), (400, Some("ValidationError")), "{query}: {error}");
            assert!(error["message"].as_str().unwrap().contains(told), "{error}");
        }
        let moment = "{ allUsers(where: { createdAt_gt: \"yesterday\" }) { id } }";
        let answer = office.world.ask(&office.admin, moment).await;
        assert_eq!(answer.status, 200);
        assert!(answer.error()["message"].as_str().unwrap().contains("must be a moment such as"), "{}", answer.text());
        let query = "query ($where: OrganizationWhereInput, $by: [SortOrganizationsBy!]) { allOrganizations(where: $where, sortBy: $by) { id } }";
        let (by, few) = (vec!["name_ASC"; 11], vec!["name_ASC"; 10]);
        for (variables, told) in [
            (json!({"where": {"OR": vec![json!({"name": "a"}); 201]}}), "where has more than 200 conditions"),
            (json!({"where": {"AND": vec![json!({}); 201]}}), "where has more than 200 conditions"),
            (json!({"where": {"AND": vec![json!({"id_in": []}); 201]}}), "where has more than 200 conditions"),
            (json!({"by": by}), "sortBy names more than 10 columns"),
        ] {
            let answer = office.world.ask_with(&office.admin, query, variables, &[]).await;
            assert_eq!(answer.error()["message"], told);
        }
        office.world.ask_with(&office.admin, query, json!({"by": few}), &[]).await.data();
        // The largest that is run, and what is so much larger that it is not even read.
        let ids = |count: usize| vec!["3fa85f64-5717-4562-b3fc-2c963f66afa6"; count];
        office.world.ask_with(&office.admin, query, json!({"where": {"id_in": ids(1_980)}}), &[]).await.data();
        for entries in [json!({"id_in": ids(9_000)}), json!({"OR": vec![json!({"name": "a"}); 9_000]})] {
            let answer = office.world.ask_with(&office.admin, query, json!({"where": entries}), &[]).await;
            let error = answer.error();
            assert!(error["message"].as_str().unwrap().ends_with("where has more than 200 conditions"), "{error}");
            assert_eq!((answer.status, &error["extensions"]["type"]), (200, &json!("WRONG_VALUE")));
        }
    }
}
