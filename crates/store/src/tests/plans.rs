//! The statements that run all the time: how many they are, and that each searches by index.

use diesel::Connection as _;

use super::*;
use crate::conn::SqliteHold;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// The statements that `run` sends to SQLite, and what SQLite makes of each.
async fn plans(store: &Store, run: impl AsyncFnOnce(&mut Conn)) -> Vec<(String, Vec<String>)> {
    let mut conn = store.read().await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&seen);
    let Hold::Sqlite(SqliteHold::Reader(reader)) = &mut conn.0 else { panic!("SQLite alone has such plans") };
    reader.enter().unwrap().set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            listener.lock().unwrap().push(query.to_string());
        }
    });
    run(&mut conn).await;
    let statements = std::mem::take(&mut *seen.lock().unwrap());
    let mut plans = Vec::new();
    for statement in statements {
        let sql = statement.split(" -- binds").next().unwrap().to_owned();
        let steps: Vec<Step> =
            conn::on!(&mut conn, |c| diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(c)).unwrap();
        plans.push((sql, steps.into_iter().map(|step| step.detail).collect()));
    }
    plans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_reads_are_one_statement_that_searches_by_index() {
    let [(store, _folder), _] = stores().await;
    let subject = Subject::parse("42").unwrap();
    let provider = ProviderId::parse("box", "box_1").unwrap();
    let plans = plans(&store, async |conn: &mut Conn| {
        token_sets::list_of_account(conn, &subject, &provider).await.unwrap();
        token_sets::list_of_subject(conn, &subject, &provider).await.unwrap();
        links::list_of_account(conn, &subject).await.unwrap();
        links::list_of_subject(conn, &subject).await.unwrap();
        links::list_detailed(conn, &subject).await.unwrap();
        oauth_tokens::find(conn, &[0; 32]).await.unwrap();
        let now = crate::now(chrono::DateTime::UNIX_EPOCH);
        oauth_codes::find_presented(conn, &[0; 32], now).await.unwrap();
        oauth_refresh_tokens::find(conn, &[0; 32]).await.unwrap();
        oauth_refresh_tokens::find_presented(conn, &[0; 32], now).await.unwrap();
        token_sets::find(conn, LinkId(uuid::Uuid::nil())).await.unwrap();
        flows::find_by_state(conn, &[0; 32]).await.unwrap();
        flows::find_by_code(conn, &[0; 32]).await.unwrap();
        for table in row_keys::Sealed::ALL {
            row_keys::list_of_key(conn, *table, "k", uuid::Uuid::nil(), 200).await.unwrap();
        }
        for sid in [Some("1"), None] {
            revocations::is_held(conn, revocations::Account { provider: &provider, sid }).await.unwrap();
        }
    })
    .await;
    // Where serving finds nothing, as here, it asks why: twice one more.
    assert_eq!(plans.len(), 16 + row_keys::Sealed::ALL.len(), "one statement each: {plans:#?}");
    for (sql, steps) in plans {
        assert!(!steps.is_empty(), "{sql}");
        for step in &steps {
            let searches = step.starts_with("SEARCH ") && step.contains(" INDEX ");
            assert!(searches || step == "USE TEMP B-TREE FOR ORDER BY", "{step}\nin {steps:#?}\nof {sql}");
        }
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
    line: String,
}

/// Postgres may merge the joins, and then reads each table from where the statement says that it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_an_export_reads_no_table_from_its_beginning() {
    let [(sqlite, _folder), (postgres, _database)] = stores().await;
    let after = uuid::Uuid::from_u128(7).to_string();
    let plans = plans(&sqlite, async |conn: &mut Conn| {
        moving::page(conn, domain::moving::Kind::Link, Some(&after), 500).await.unwrap();
    })
    .await;
    let [(sql, steps)] = plans.as_slice() else { panic!("{plans:#?}") };
    assert!(steps.iter().all(|step| step.starts_with("SEARCH ")), "{steps:#?}");
    let literal = format!("'{after}'");
    let values = [literal.as_str(), &literal, &literal, "500"];
    let parts: Vec<String> = sql.split('?').map(|part| part.replace('`', "\"")).collect();
    assert_eq!(parts.len(), values.len() + 1, "{sql}");
    let statement: String =
        parts.iter().zip(values.iter().chain([&""])).flat_map(|(part, value)| [part.as_str(), value]).collect();
    let mut conn = postgres.write().await.unwrap();
    for other_way in ["nestloop", "hashjoin", "seqscan", "bitmapscan"] {
        let off = diesel::sql_query(format!("SET enable_{other_way} = off"));
        conn::on!(&mut conn, |c| off.execute(c)).unwrap();
    }
    let explain = diesel::sql_query(format!("EXPLAIN {statement}"));
    let plan: Vec<Line> = conn::on!(&mut conn, |c| explain.load(c)).unwrap();
    let plan: Vec<String> = plan.into_iter().map(|line| line.line).collect();
    for (table, key) in [("links", "id"), ("token_sets", "link_id"), ("link_uses", "link_id")] {
        let scan =
            plan.iter().position(|line| line.contains(&format!(" on {table}"))).unwrap_or_else(|| panic!("{plan:#?}"));
        assert!(plan[scan + 1].contains(&format!("({key} > ")), "{table} is read from its beginning: {plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_which_the_settings_alone_know_the_life_are_found_by_index() {
    let [(store, _folder), _] = stores().await;
    let [early, noon, late] = moments();
    let plans = plans(&store, async |conn: &mut Conn| {
        stale::list_unstated(conn, now(noon.0), early..late, None, 200).await.unwrap();
    })
    .await;
    let [(sql, steps)] = plans.as_slice() else { panic!("{plans:#?}") };
    assert!(steps[0].contains("INDEX token_sets_unstated ") && steps[0].contains("<expr>>"), "{steps:#?}\nof {sql}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_told_is_found_by_index() {
    let [(store, _folder), _] = stores().await;
    let now = crate::now(chrono::DateTime::UNIX_EPOCH);
    let plans = plans(&store, async |conn: &mut Conn| {
        outbox::list_due(conn, "crm", now, 8).await.unwrap();
        outbox::find_head(conn, "crm", uuid::Uuid::nil(), now).await.unwrap();
        outbox::list_dead(conn, "crm", 0, 500).await.unwrap();
        outbox::list_dead_of_id(conn, uuid::Uuid::nil()).await.unwrap();
        outbox::find_recorded(conn, uuid::Uuid::nil()).await.unwrap();
        outbox::find_endpoint_after(conn, "").await.unwrap();
    })
    .await;
    assert_eq!(plans.len(), 6, "{plans:#?}");
    for (sql, steps) in plans {
        assert!(
            steps.iter().all(|step| step.starts_with("SEARCH ") && step.contains(" INDEX ")),
            "{steps:#?}\nof {sql}"
        );
    }
}
