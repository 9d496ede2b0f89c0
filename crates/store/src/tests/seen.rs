//! What somebody sees is searched from their own few records, by index, whatever they ask for.

use chrono::DateTime;

use super::sized::{crowd, plan};
use super::stores;
use crate::Store;
use domain::access::Access;
use domain::account::{Account, AccountType};
use domain::filter::{Comparison, Filter, Page, Table, Value};
use domain::ids::Subject;
use domain::organization::Granted;

/// One of the crowd, whom nothing sets apart.
fn somebody() -> Access {
    let subject = Subject::parse("u7").unwrap();
    let created = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    Access::of(Account::bare(subject, AccountType::Staff, created).into(), Granted::default()).unwrap()
}

/// What they may ask for, the costly first.
fn wishes(table: Table) -> Vec<Filter> {
    let contains = |n: usize| Filter::Column("name", Comparison::Contains, Value::Text(format!("some {n}")));
    let (deleted, mut wishes) = match table {
        Table::Accounts => (
            "disabled_at",
            vec![
                Filter::text("account_type", "staff"),
                Filter::Column("account_type", Comparison::IsNot, Value::Text("service".to_owned())),
                Filter::OneOf("account_type", ["staff", "resident"].map(|kind| Value::Text(kind.to_owned())).into()),
                Filter::text("subject", "u2007"),
            ],
        ),
        Table::Employees => {
            let of = |table, ours, theirs, filter| Filter::related(table, theirs, ours, filter);
            (
                "deleted_at",
                vec![
                    of(Table::Accounts, "subject", "subject", Filter::text("subject", "u2007")),
                    of(Table::Accounts, "subject", "subject", Filter::Any((0..48).map(contains).collect())),
                    of(Table::Organizations, "organization", "id", Filter::text("name", "o")),
                    of(Table::EmployeeRoles, "role", "id", of(Table::Organizations, "organization", "id", contains(1))),
                ],
            )
        }
        _ => ("deleted_at", vec![Filter::is("id", Value::Id(uuid::Uuid::nil()))]),
    };
    wishes.push(Filter::everything());
    wishes.push(Filter::Any((0..98).map(contains).collect()));
    wishes.push(Filter::Not(Box::new(Filter::Absent(deleted))));
    wishes
}

/// What is wrong with a plan: on SQLite a table that is read as a whole, or searched by what says little; on Postgres a large
/// table that is read as a whole.
fn faults(store: &Store, plan: &[String]) -> Vec<String> {
    let is_fault = |step: &&String| {
        if store.sqlite_path().is_some() {
            step.starts_with("SCAN ") || step.contains("account_type=?")
        } else {
            ["accounts", "employees", "organizations", "employee_roles"]
                .iter()
                .any(|name| step.contains(&format!("Seq Scan on {name} ")))
        }
    };
    plan.iter().filter(is_fault).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_drives_the_search_whatever_is_asked_for() {
    let access = somebody();
    for (store, _folder) in stores().await {
        crowd(&store).await;
        for table in [Table::Accounts, Table::Organizations, Table::Employees, Table::EmployeeRoles] {
            for wish in wishes(table) {
                let filter = access.shown(table, wish.clone()).unwrap();
                let ordered = Page { order: vec![("name", true)], ..Page::default() };
                for page in [None, Some(&Page::default()), Some(&ordered)] {
                    let plan = plan(&store, table, &filter, page).await;
                    assert!(!plan.is_empty());
                    assert_eq!(faults(&store, &plan), Vec::<String>::new(), "{table:?} {wish:?}\n{}", plan.join("\n"));
                }
            }
        }
    }
}
