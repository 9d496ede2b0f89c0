//! Work that a caller sizes: lists and counts by a filter of theirs take nothing from anybody else, and have an end.

use domain::account::AccountType;
use domain::filter::{Filter, Table};
use domain::ids::Subject;
use domain::user::User;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use service::{access, people};

use crate::support::call::{Answer, As, Body};
use crate::support::condo::with_sessions;
use crate::support::database::execute;
use crate::support::fed::fed_token_of;
use crate::support::office::Office;
use crate::support::world::{Engine, World, both_engines};

const EXCEEDED: &str = "You've made too many requests recently, try again later";

/// A world whose limits are these, with an administrator.
async fn office(engine: Engine, limits: &str) -> Office {
    let limits = format!("[limits]\nsign_in_per_hour = 1000\n{limits}\n");
    Office::open_in(World::frozen_with(engine, |settings| with_sessions(settings) + &limits).await).await
}

/// Twelve counts, each by 98 conditions, ten times over.
fn attack() -> Value {
    let wanted: Vec<Value> = (0..98).map(|n| json!({"name_contains": format!("nobody {n}")})).collect();
    let fields: Vec<String> = (0..12).map(|n| format!(" a{n}: _allUsersMeta(where: $where) {{ count }}")).collect();
    let fields = fields.concat();
    let one = json!({"query": format!("query ($where: UserWhereInput) {{{fields} }}"), "variables": {"where": {"OR": wanted}}});
    vec![one; 10].into()
}

async fn post(office: &Office, who: &As, body: Value) -> Answer {
    office.world.call("POST", office.world.api(), who, Body::Json(body)).await
}

/// What has become of each list of a batch: its count, or the type of its error.
fn outcomes(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200);
    let mut outcomes = Vec::new();
    for one in answer.json().as_array().expect("a batch") {
        for (name, list) in one["data"].as_object().expect("data") {
            let error = one["errors"].as_array().into_iter().flatten().find(|error| error["path"] == json!([name]));
            assert_eq!(error.is_some(), list.is_null(), "{one}");
            outcomes.push(error.map_or(list["count"].clone(), |error| error["extensions"]["type"].clone()));
        }
    }
    outcomes
}

fn number_of(outcomes: &[Value], outcome: impl Into<Value>) -> usize {
    let outcome = outcome.into();
    outcomes.iter().filter(|other| **other == outcome).count()
}

/// Has the list of rights sets never end: each record stands in it again and again.
async fn make_endless(office: &Office) {
    office.made("UserRightsSet", json!({"name": "one"})).await;
    execute(
        &office.world.database_url,
        "ALTER TABLE rights_sets RENAME TO elsewhere; CREATE VIEW rights_sets AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
         SELECT i + 1 FROM n) SELECT elsewhere.* FROM n CROSS JOIN elsewhere",
    )
    .await;
}

async fn make_finite(office: &Office) {
    let back = "DROP VIEW rights_sets; ALTER TABLE elsewhere RENAME TO rights_sets";
    execute(&office.world.database_url, back).await;
}

/// Reads that take microseconds, of all kinds: a token, links, who is signed in.
async fn assert_point_reads_go_on(office: &Office, who: &As) {
    let world = &office.world;
    let console = world.console().await;
    for _ in 0..5 {
        assert_eq!(fed_token_of(world, &console, "alice", "").await.status, 200);
        assert_eq!(world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await.status, 200);
        assert_eq!(world.ask(who, "{ authenticatedUser { id } }").await.data()["authenticatedUser"]["id"], "alice");
    }
}

/// The administrator, as services know them.
fn administrator(office: &Office) -> User {
    User {
        id: subject("admin"),
        account_type: AccountType::Staff,
        name: None,
        email: None,
        email_verified: false,
        phone: None,
        phone_verified: false,
        has_password: true,
        is_admin: true,
        is_support: false,
        two_factor: false,
        rights_set: None,
        meta: "{}".to_owned(),
        created: office.world.now(),
        updated: office.world.now(),
        deleted: None,
    }
}

/// Somebody with a token to serve.
async fn alice(office: &Office) -> As {
    let alice = office.staff("alice").await;
    office.world.linked("alice", "oleg").await;
    alice
}

fn subject(id: &str) -> Subject {
    Subject::parse(id).expect("a subject")
}

both_engines! {
    async fn whoever_asks_for_much_has_spent_their_points_before_it_is_run(engine: Engine) {
        // Each count costs 199: the conditions, and the lists that they stand in.
        let office = office(engine, "list_points_per_hour = 500").await;
        let (greedy, other) = (office.staff("greedy").await, office.staff("other").await);
        let seen = outcomes(&post(&office, &greedy, attack()).await);
        assert_eq!((number_of(&seen, 0), number_of(&seen, "RATE_LIMIT_EXCEEDED")), (2, 118), "{seen:?}");
        let late = office.world.ask(&greedy, "{ allUsers(sortBy: [name_ASC, id_ASC]) { id } _allUsersMeta { count } }").await;
        assert_eq!(late.data()["allUsers"], json!([{"id": "greedy"}]), "what is left of them is theirs");
        let query = "query ($where: UserWhereInput) { allUsers(where: $where) { id } }";
        let wanted = json!({"where": {"OR": vec![json!({"name": "x"}); 98]}});
        let refused = office.world.ask_with(&greedy, query, wanted.clone(), &[]).await;
        let error = refused.error();
        assert_eq!((refused.status, error["message"].as_str()), (200, Some(EXCEEDED)));
        assert_eq!((error["name"].as_str(), error["path"].clone()), (Some("GQLError"), json!(["allUsers"])));
        let extensions = &error["extensions"];
        assert_eq!((&extensions["code"], &extensions["type"]), (&json!("TOO_MANY_REQUESTS"), &json!("RATE_LIMIT_EXCEEDED")));
        assert_eq!(extensions["query"], "allUsers");
        // Nobody else's, and nothing else.
        assert_eq!(office.world.ask_with(&other, query, wanted.clone(), &[]).await.data(), json!({"allUsers": []}));
        office.world.ask(&greedy, "{ authenticatedUser { id } }").await.data();
        office.world.advance(3600);
        assert_eq!(office.world.ask_with(&greedy, query, wanted, &[]).await.data(), json!({"allUsers": []}));
    }

    async fn ones_own_name_is_paid_for_and_others_rights_are_not(engine: Engine) {
        let office = office(engine, "list_points_per_hour = 60").await;
        let set = office.made("UserRightsSet", json!({"name": "Assigners", "canManageUserRightsSetField": true})).await;
        office.staff("clerk").await;
        office.staff("assigner").await;
        let assigner = office.assigned("assigner", &set).await;
        for n in 0..4 {
            let answer = office.update(&assigner, "User", ("assigner", json!({"name": format!("Name {n}")})), "name").await;
            assert_eq!(answer.json().get("errors").is_some(), n == 3, "{n}: {}", answer.text());
            if n == 3 {
                assert_eq!(answer.error()["extensions"]["type"], "RATE_LIMIT_EXCEEDED");
            }
        }
        let taken = json!({"rightsSet": {"disconnectAll": true}});
        office.update(&assigner, "User", ("clerk", taken), "id").await.data();
    }

    async fn by_default_two_such_requests_are_an_hours_worth(engine: Engine) {
        let office = office(engine, "").await;
        let greedy = office.staff("greedy").await;
        for (run, refused) in [(120, 0), (120, 0), (11, 109)] {
            let seen = outcomes(&post(&office, &greedy, attack()).await);
            assert_eq!((number_of(&seen, 0), number_of(&seen, "RATE_LIMIT_EXCEEDED")), (run, refused), "{seen:?}");
        }
    }

    async fn a_list_that_never_ends_is_ended(engine: Engine) {
        let office = office(engine, "list_timeout = \"1s\"").await;
        let alice = alice(&office).await;
        make_endless(&office).await;
        for query in ["{ _allUserRightsSetsMeta { count } }", "{ allUserRightsSets(sortBy: [name_ASC], first: 1) { id } }"] {
            let endless = office.world.ask(&office.admin, query);
            let (endless, ()) = tokio::join!(endless, assert_point_reads_go_on(&office, &alice));
            let error = endless.error();
            assert_eq!((endless.status, error["extensions"]["type"].as_str()), (200, Some("LIST_TOO_SLOW")), "{error}");
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
        }
        // Who hangs up keeps their place until it is over, and no longer.
        let parts = &office.world.app.parts;
        let admin = access::of(parts, Some(&administrator(&office))).await.expect("standing");
        let gone = people::count(parts, &admin, Table::RightsSets, Filter::everything());
        assert!(Box::pin(gone).now_or_never().is_none());
        let mut place = Box::pin(parts.caller_sized.place(&admin.user.id));
        assert!(futures_util::poll!(&mut place).is_pending());
        drop(place.await.expect("it is free again"));
        make_finite(&office).await;
        let after = office.world.ask(&office.admin, "{ _allUserRightsSetsMeta { count } }").await.data();
        assert_eq!(after["_allUserRightsSetsMeta"]["count"], 1);
    }

    async fn a_greedy_list_slows_no_token(engine: Engine) {
        let office = office(engine, "").await;
        let alice = alice(&office).await;
        let sized = &office.world.app.parts.caller_sized;
        let mut held = Vec::new();
        for n in 0..2 {
            held.push(sized.place(&subject(&format!("greedy{n}"))).await.expect("a place"));
        }
        let list = office.list(&alice, "allUsers", "id");
        let others = async {
            assert_point_reads_go_on(&office, &alice).await;
            // As do changes, with what they show of related records.
            let organization = office.organization("One").await;
            let role = office.role(&organization, "Any", json!({})).await;
            office.employee(&organization, ("alice", &role), json!({})).await;
            held.clear();
        };
        let (list, ()) = tokio::join!(list, others);
        assert_eq!(list, ["alice"]);
    }

    async fn who_waits_for_too_many_lists_is_told_and_nobody_else_is(engine: Engine) {
        let office = office(engine, "").await;
        let (alice, bob) = (alice(&office).await, office.staff("bob").await);
        let (sized, own) = (&office.world.app.parts.caller_sized, subject("alice"));
        let _runs = sized.place(&own).await.expect("a place");
        let mut waits = Vec::new();
        for _ in 0..128 {
            let mut place = Box::pin(sized.place(&own));
            assert!(futures_util::poll!(&mut place).is_pending());
            waits.push(place);
        }
        for query in ["{ allUsers { id } }", "{ _allOrganizationsMeta { count } }"] {
            let refused = office.world.ask(&alice, query).await;
            let error = refused.error();
            assert_eq!((refused.status, &error["extensions"]["code"]), (200, &json!("TOO_MANY_REQUESTS")));
            assert_eq!(error["extensions"]["type"], "LISTS_BUSY");
        }
        assert_eq!(office.list(&bob, "allUsers", "id").await, ["bob"]);
        assert_point_reads_go_on(&office, &alice).await;
    }

    async fn rights_sets_of_a_list_are_paid_for_by_who_sees_them(engine: Engine) {
        let office = office(engine, "list_points_per_hour = 21").await;
        let set = office.made("UserRightsSet", json!({"name": "one"})).await;
        for name in ["alice", "bob"] {
            office.staff(name).await;
            office.changed("User", name, json!({"rightsSet": {"connect": {"id": set}}})).await;
        }
        let asked = "{ allUsers { id rightsSet { name } } }";
        // Four for the list and two for what it shows.
        for _ in 0..3 {
            let shown = office.world.ask(&office.admin, asked).await.data();
            let of_alice = shown["allUsers"].as_array().expect("a list").iter().find(|user| user["id"] == "alice").cloned();
            assert_eq!(of_alice.expect("alice")["rightsSet"]["name"], "one");
        }
        let refused = office.world.ask(&office.admin, asked).await.error();
        assert_eq!(refused["extensions"]["type"], "RATE_LIMIT_EXCEEDED");
    }
}
