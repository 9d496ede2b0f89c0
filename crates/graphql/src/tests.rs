//! What the limits of a request let through: the figures that they were chosen by.

use std::path::Path;

use async_graphql::extensions::Analyzer;
use async_graphql::{EmptySubscription, Request, Schema, Value};

use super::{COMPLEXITY, DEPTH, INTROSPECTION, Mutation, Query, api, document};
use settings::{Configuration, Literals};

/// What a request comes to: complexity and depth. None of its resolvers has what it needs, so nothing is done.
async fn measured(query: &str) -> (usize, usize) {
    document::parse(query, true).unwrap_or_else(|unfit| panic!("{unfit:?}: {query}"));
    let schema = Schema::build(Query::default(), Mutation::default(), EmptySubscription).extension(Analyzer).finish();
    let response = schema.execute(query).await;
    let Some(Value::Object(figures)) = response.extensions.get("analyzer") else { panic!("{:?}", response.errors) };
    let figure = |name: &str| match figures.get(name) {
        Some(Value::Number(number)) => usize::try_from(number.as_u64().unwrap()).unwrap(),
        other => panic!("{other:?}"),
    };
    (figure("complexity"), figure("depth"))
}

#[tokio::test]
async fn sensible_requests_are_far_from_the_limits() {
    let page = "{ allOrganizationEmployees(first: 50, where: {isBlocked: false}) { id name email phone isAccepted isRejected isBlocked
        createdAt updatedAt user { id name email phone isEmailVerified isPhoneVerified type rightsSet { id name } }
        organization { id name createdAt } role { id name canManageTickets canReadTickets canManageEmployees } } }";
    let rows = [
        ("query WhoAmI { authenticatedUser { id name email isAdmin } }", (5, 2)),
        (
            "query MyOrganizations { allOrganizationEmployees(where: {user: {id: \"1\"}, isRejected: false, isBlocked: false})
                { organization { id name } role { name canManageTickets } } }",
            (38, 3),
        ),
        (
            "mutation SignIn { authenticateUserWithEmailAndPassword(data: {dv: 1, sender: {dv: 1, fingerprint: \"my-app\"},
                userType: staff, email: \"a@b\", password: \"x\"}) { token item { id name email } } }",
            (25, 3),
        ),
        (page, (69, 4)),
    ];
    for (query, figures) in rows {
        assert_eq!(measured(query).await, figures, "{query}");
        assert!(figures.0 * 3 <= COMPLEXITY && figures.1 * 2 <= DEPTH, "{query}");
    }
}

/// What tools ask to learn the schema (`getIntrospectionQuery` of graphql-js 16).
const ALL: &str = "query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind }
    subscriptionType { name kind } types { ...FullType } directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL
    fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
    inputFields { ...InputValue } interfaces { ...TypeRef }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
    kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

#[tokio::test]
async fn tools_learn_the_schema_where_they_may() {
    let (complexity, depth) = measured(ALL).await;
    assert!(
        complexity > COMPLEXITY / 2 && complexity <= INTROSPECTION.0 && depth <= INTROSPECTION.1,
        "{complexity} {depth}"
    );
    let text = "public_url = \"http://127.0.0.1\"";
    let mut settings = Configuration::parse(text, Path::new("."), &|_| None, Literals::Allow).unwrap().settings;
    settings.introspection = true;
    let response = api(&settings).alone.execute(Request::new(ALL)).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let told = response.data.to_string();
    for name in ["registerNewServiceUser", "UserTypeType", "allOrganizationEmployees", "startConfirmPhoneAction"] {
        assert!(told.contains(name), "{name}");
    }
}

#[tokio::test]
async fn what_goes_beyond_is_refused() {
    let text = "public_url = \"http://127.0.0.1\"";
    let settings = Configuration::parse(text, Path::new("."), &|_| None, Literals::Allow).unwrap().settings;
    let wide = |count: usize| {
        let fields: Vec<String> = (1..count).map(|n| format!("a{n}: id")).collect();
        format!("{{ authenticatedUser {{ {} }} }}", fields.join(" "))
    };
    // The one thing here that nests at will; elsewhere it is not even looked at.
    let deep = |depth: usize| {
        let inner = "ofType { ".repeat(depth - 3);
        format!("{{ __schema {{ types {{ {inner}name{} }} }} }}", " }".repeat(depth - 3))
    };
    for (query, refused) in [
        (wide(COMPLEXITY), None),
        (wide(COMPLEXITY + 1), Some("Query is too complex.")),
        (deep(DEPTH), None),
        (deep(DEPTH + 1), Some("Query is nested too deep.")),
    ] {
        let response = api(&settings).alone.execute(Request::new(query)).await;
        // Those that are run end for want of a session to look at, not of room.
        let told = response.errors.iter().map(|error| error.message.as_str()).find(|told| told.starts_with("Query is"));
        assert_eq!(told, refused);
    }
}
