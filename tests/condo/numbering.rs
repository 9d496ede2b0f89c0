//! Where codes are sent, held against what the source goes by: npm `phone`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::account::Phone;
use domain::numbering::is_a_phones;

use serde_json::json;
use service::accounts::{New, Standing};

use crate::support::browser::{Browser, field};
use crate::support::condo::{by_email, staff};
use crate::support::confirm::{of_webhook, with_sms, with_sms_and};
use crate::support::person::{PASSWORD, phone};
use crate::support::world::{Body, both_engines};

/// What npm `phone` says of each.
fn reference(numbers: &[String]) -> Vec<bool> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/graphql-client/phones.mjs");
    let mut node =
        Command::new("node").arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
    node.stdin.take().expect("it is piped").write_all(numbers.join("\n").as_bytes()).expect("it reads");
    let output = node.wait_with_output().expect("it ends");
    assert!(output.status.success(), "npm ci --prefix tests/support/graphql-client");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Numbers around every beginning that the table has: as they are, a digit more or less, and with another digit at each place.
fn numbers() -> Vec<String> {
    let table = include_str!("../../crates/domain/src/numbering.txt");
    let mut numbers = BTreeSet::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split(' ').skip(1);
        let (code, lengths) = (parts.next().expect("a code"), parts.next().expect("lengths"));
        for prefix in parts.next().unwrap_or_default().split(',') {
            for length in lengths.split(',').map(|length| length.parse::<usize>().expect("a number")) {
                for length in [length - 1, length, length + 1] {
                    numbers.insert(format!("+{code}{prefix:1<length$}"));
                }
                for (at, digit) in (0..4.min(length)).flat_map(|at| ["0", "4", "9"].map(|digit| (at, digit))) {
                    let mut rest = format!("{prefix:2<length$}");
                    rest.replace_range(at..=at, digit);
                    numbers.insert(format!("+{code}{rest}"));
                }
            }
        }
    }
    // What no country has.
    numbers.extend(
        ["+870", "+878", "+881", "+882", "+883", "+888", "+979", "+999", "+210", "+0"]
            .map(|code| format!("{code:5<13}")),
    );
    numbers.into_iter().filter(|number| (8..=16).contains(&number.len())).collect()
}

#[test]
fn codes_go_where_the_reference_says_that_phones_are() {
    let numbers = numbers();
    let expected = reference(&numbers);
    assert_eq!(numbers.len(), expected.len());
    let taken = expected.iter().filter(|is_valid| **is_valid).count();
    assert!(taken > 1_000 && numbers.len() - taken > 1_000, "{taken} of {}", numbers.len());
    let differ: Vec<&String> = numbers
        .iter()
        .zip(expected)
        .filter(|(number, expected)| is_a_phones(&Phone::parse(number).expect("a number")) != *expected)
        .map(|(number, _)| number)
        .collect();
    assert!(differ.is_empty(), "{differ:?}");
}

both_engines! {
    async fn no_code_goes_where_nobodys_phone_is(engine: Engine) {
        let (world, webhook) = with_sms(engine).await;
        for number in ["+78091234567", "+19005550123", "+881612345678", "+870773123456", "+76001234567", "+80012345678"] {
            let refused = world.start_confirm("198.51.100.1", &json!({"phone": number})).await;
            assert_eq!(refused.refused_as(), (200, "WRONG_PHONE_FORMAT".to_owned()), "{number}");
        }
        assert_eq!(webhook.sent().len(), 0);
        // What is refused is counted for nobody.
        for number in ["+7 (999) 000-12-34", "+447911123456", "+523312345678", "+2207123456"] {
            world.code_to(number).await;
        }
        assert_eq!(webhook.sent().len(), 4);
    }

    async fn no_code_goes_further_than_the_operator_says(engine: Engine) {
        let within = |settings: String| settings + "prefixes = [\"+7999\", \"+44\"]\n";
        let (world, webhook) = with_sms_and(engine, within).await;
        for number in ["+79161234567", "+375291234567", "+449098790000"] {
            let refused = world.start_confirm("198.51.100.1", &json!({"phone": number})).await;
            assert_eq!(refused.refused_as(), (200, "WRONG_PHONE_FORMAT".to_owned()), "{number}");
        }
        let token = world.code_to("+79990001234").await;
        world.code_to("+447911123456").await;
        assert_eq!(webhook.sent().len(), 2);
        // Another is sent by the settings of the moment.
        world.advance(61);
        world.decide(|settings| of_webhook(&webhook, &settings) + "prefixes = [\"+44\"]\n");
        assert_eq!(world.resend("198.51.100.1", &token).await.refused_as().1, "WRONG_PHONE_FORMAT");
    }

    async fn an_account_whose_phone_gets_no_codes_is_offered_none(engine: Engine) {
        let (world, webhook) = with_sms(engine).await;
        let two_factor = Standing { two_factor: true, ..Standing::default() };
        world.person(New { phone: Some(phone("+78091234567", true)), standing: two_factor, ..staff("jane") }).await;
        let details = by_email::ask(&world, json!({})).await.error()["extensions"]["authDetails"].clone();
        assert_eq!(details, json!({"is2FAEnabled": true, "userId": "jane", "availableSecondFactors": [], "maskedData": {}}));
        // An id tells no more than one that is nobody's.
        let told = async |id: &str| world.start_confirm("198.51.100.1", &json!({"user": {"id": id}})).await.refused_as();
        assert_eq!((told("jane").await, told("nobody").await), ((200, "WRONG_PHONE_FORMAT".to_owned()), (200, "WRONG_PHONE_FORMAT".to_owned())));
        let page = Browser::default().try_sign_in(&world, ("jane", PASSWORD), &[]).await;
        assert_eq!(page.status, 422, "{}", page.text());
        let mut browser = Browser::default();
        let at = format!("{}/phone", world.sign_in_page());
        let csrf = field(&browser.go(&world, "GET", &at, Body::None).await.text(), "csrf");
        let form = vec![("csrf", csrf), ("phone", "+78091234567".to_owned())];
        assert_eq!(browser.go(&world, "POST", &at, Body::Form(form)).await.status, 422);
        assert_eq!(webhook.sent().len(), 0);
    }
}
