use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::*;
use crate::Error;
use crate::ids::{ClientId, FlowId, ProviderId, Sid, Subject};
use crate::session::Session;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn session(text: &str) -> Session {
    Session { subject: subject(text), name: None, authenticated: at(0) }
}

fn visit() -> Visit {
    Visit { cookie_hash: hash(&"cookie".into()), opened: at(10) }
}

fn account() -> ProviderAccount {
    ProviderAccount { sid: Sid::parse("oleg").unwrap(), user_name: None }
}

/// A flow of alice's that she completes herself; it runs out at 100.
fn flow(stage: Stage) -> Flow {
    Flow {
        id: FlowId(Uuid::nil()),
        client: ClientId::parse("console").unwrap(),
        subject: Some(subject("alice")),
        provider: ProviderId::parse("box", "box_1").unwrap(),
        callback: "https://app.example/".to_owned(),
        completer: Completer::Person,
        key_id: "k".to_owned(),
        wrapped_key: Vec::new(),
        sealed: Some(vec![1]),
        hint: None,
        popup: false,
        created: at(0),
        expires: at(100),
        stage,
    }
}

fn stages() -> [Stage; 5] {
    [
        Stage::Instructed,
        Stage::SigningIn(visit()),
        at_provider(),
        Stage::Confirming { visit: visit(), account: account() },
        Stage::Pending { visit: visit(), account: account(), code_hash: vec![2] },
    ]
}

fn at_provider() -> Stage {
    Stage::AtProvider { visit: visit(), state_hash: Some(vec![1]) }
}

fn apps(flow: Flow) -> Flow {
    // RFC 7636 appendix B.
    Flow { completer: Completer::App { challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned() }, ..flow }
}

fn answer() -> Answer {
    Answer {
        provider: ProviderId::parse("box", "box_1").ok(),
        state: "state".into(),
        code: Some("code".into()),
        error: None,
        iss: None,
        params: std::collections::HashMap::new(),
    }
}

/// All that speaks for the answer.
fn all_is_well() -> Facts<()> {
    Facts { issuer: Some(Issuer::Right(())), standing: Some(Standing::Theirs(session("alice"))) }
}

/// What comes of an answer that the flow's own browser brings in time.
fn received(answer: &Answer, facts: &Facts<()>) -> Result<Option<Fact>, Stop> {
    received_at(answer, facts, (Some("cookie"), 99))
}

fn received_at(answer: &Answer, facts: &Facts<()>, (cookie, now): (Option<&str>, i64)) -> Result<Option<Fact>, Stop> {
    let cookie = cookie.map(SecretString::from);
    flow(at_provider()).receive(answer, cookie.as_ref(), at(now), facts).map(|next| match next {
        Next::Learn(fact) => Some(fact),
        Next::Redeem { .. } => None,
    })
}

fn ended(ended: Ended) -> Result<Option<Fact>, Stop> {
    Err(Stop::Ended(ended))
}

#[test]
fn a_flow_belongs_to_the_browser_that_opened_it() {
    let (cookie, another): (SecretString, SecretString) = ("cookie".into(), "another".into());
    for stage in stages() {
        let is_open = stage != Stage::Instructed;
        let flow = flow(stage);
        assert_eq!(flow.opened_by(Some(&cookie)).is_some(), is_open, "{:?}", flow.stage);
        assert!(flow.opened_by(Some(&another)).is_none() && flow.opened_by(None).is_none());
    }
    assert_eq!(received_at(&answer(), &all_is_well(), (Some("another"), 99)), Err(Stop::Nothing));
    assert_eq!(received_at(&answer(), &all_is_well(), (None, 99)), Err(Stop::Nothing));
}

#[test]
fn a_stage_runs_out_and_so_does_the_whole_flow() {
    assert!(!flow(at_provider()).is_late(at(99)) && flow(at_provider()).is_late(at(100)));
    let minutes = |minutes: i64| at(0) + TimeDelta::minutes(minutes);
    for (state, now, opened, end) in [
        (FlowState::Instructed, 0, None, 5),
        (FlowState::SigningIn, 0, Some(0), 10),
        (FlowState::AtProvider, 19, Some(0), 29),
        (FlowState::AtProvider, 21, Some(0), 30),
        (FlowState::Confirming, 26, Some(0), 30),
        (FlowState::Pending, 1, Some(0), 2),
    ] {
        assert_eq!(state.runs_out(minutes(now), opened.map(minutes)), minutes(end), "{state:?}");
    }
    assert_eq!(received_at(&answer(), &all_is_well(), (Some("cookie"), 100)), ended(Ended::Expired));
}

#[test]
fn an_answer_at_another_providers_redirect_uri_is_a_mix_up() {
    for provider in [None, ProviderId::parse("box", "box_2").ok(), ProviderId::parse("bin", "box_1").ok()] {
        let answer = Answer { provider, ..answer() };
        assert_eq!(received(&answer, &all_is_well()), ended(Ended::MixedUp));
    }
}

#[test]
fn an_answer_is_its_issuers() {
    for (issuer, why) in [
        (Issuer::Gone, Ended::ProviderGone),
        (Issuer::Wrong, Ended::WrongIssuer),
        (Issuer::Unavailable, Ended::ProviderUnavailable),
    ] {
        assert_eq!(received(&answer(), &Facts { issuer: Some(issuer), ..all_is_well() }), ended(why));
    }
}

#[test]
fn an_error_of_the_providers_goes_before_whatever_else_it_brings() {
    for (error, why) in [
        ("access_denied", Ended::DeclinedAtProvider),
        ("consent_required", Ended::DeclinedAtProvider),
        ("interaction_required", Ended::DeclinedAtProvider),
        ("login_required", Ended::DeclinedAtProvider),
        ("user_cancelled_login", Ended::DeclinedAtProvider),
        ("user_cancelled_authorize", Ended::DeclinedAtProvider),
        ("server_error", Ended::ProviderRefused),
        ("", Ended::ProviderRefused),
    ] {
        for code in [None, Some("code".into())] {
            let answer = Answer { error: Some(error.to_owned()), code, ..answer() };
            assert_eq!(received(&answer, &all_is_well()), ended(why), "{error}");
        }
    }
    assert_eq!(received(&Answer { code: None, ..answer() }, &all_is_well()), ended(Ended::NoCode));
}

#[test]
fn who_is_signed_in_now_is_who_began() {
    let persons = flow(at_provider());
    assert!(matches!(persons.standing(Some(session("alice"))), Standing::Theirs(_)));
    assert!(matches!(persons.standing(Some(session("bob"))), Standing::Anothers));
    assert!(matches!(persons.standing(None), Standing::Nobody));
    let nobodys_yet = Flow { subject: None, ..persons.clone() };
    assert!(matches!(nobodys_yet.standing(Some(session("bob"))), Standing::Theirs(_)));
    for whoever in [None, Some(session("bob"))] {
        assert!(matches!(apps(persons.clone()).standing(whoever), Standing::Apps));
    }
    for (standing, why) in [(Standing::Nobody, Ended::SignedOut), (Standing::Anothers, Ended::WrongUser)] {
        assert_eq!(standing.person().unwrap_err(), why);
        assert_eq!(received(&answer(), &Facts { standing: Some(standing), ..all_is_well() }), ended(why));
    }
    for standing in [Standing::Apps, Standing::Theirs(session("alice"))] {
        assert_eq!(received(&answer(), &Facts { standing: Some(standing), ..all_is_well() }), Ok(None));
    }
}

/// Of an answer with which everything is wrong, each thing put right shows the next.
#[test]
fn an_answer_is_judged_in_one_order() {
    let wrong = || Answer { provider: None, code: None, error: Some("server_error".to_owned()), ..answer() };
    let at_home = || Answer { provider: answer().provider, ..wrong() };
    let unknown = Facts::default;
    let about = |issuer| Facts { issuer: Some(issuer), standing: None };
    let (late, in_time) = ((Some("cookie"), 100), (Some("cookie"), 99));
    assert_eq!(received_at(&wrong(), &unknown(), (Some("another"), 100)), Err(Stop::Nothing));
    assert_eq!(received_at(&wrong(), &unknown(), late), ended(Ended::Expired));
    assert_eq!(received_at(&wrong(), &unknown(), in_time), ended(Ended::MixedUp));
    assert_eq!(received_at(&at_home(), &unknown(), in_time), Ok(Some(Fact::Issuer)));
    assert_eq!(received_at(&at_home(), &about(Issuer::Wrong), in_time), ended(Ended::WrongIssuer));
    assert_eq!(received_at(&at_home(), &about(Issuer::Right(())), in_time), ended(Ended::ProviderRefused));
    let silent = Answer { error: None, ..at_home() };
    assert_eq!(received_at(&silent, &about(Issuer::Right(())), in_time), ended(Ended::NoCode));
    assert_eq!(received_at(&answer(), &about(Issuer::Right(())), in_time), Ok(Some(Fact::Standing)));
    let nobodys = Facts { standing: Some(Standing::Nobody), ..about(Issuer::Right(())) };
    assert_eq!(received_at(&answer(), &nobodys, in_time), ended(Ended::SignedOut));
    assert_eq!(received_at(&answer(), &all_is_well(), in_time), Ok(None));
}

#[test]
fn an_instruction_is_opened_once_and_again_by_its_browser_alone() {
    let cookie: SecretString = "cookie".into();
    let (again, nothing, late) = (Ok(Opening::Again), Err(Stop::Nothing), Err(Stop::Ended(Ended::Expired)));
    // In time with its cookie and without, late with its cookie and without.
    let expected = [
        [Ok(Opening::First), Ok(Opening::First), nothing, nothing],
        [again, nothing, late, nothing],
        [again, nothing, late, nothing],
        [again, nothing, late, nothing],
        [nothing, nothing, late, nothing],
    ];
    for (stage, expected) in stages().into_iter().zip(expected) {
        let flow = flow(stage);
        let found = [(Some(&cookie), 99), (None, 99), (Some(&cookie), 100), (None, 100)]
            .map(|(cookie, now)| flow.opening(cookie, at(now)));
        assert_eq!(found, expected, "{:?}", flow.stage);
    }
}

#[test]
fn the_owner_is_asked_in_the_flows_browser_while_the_account_waits() {
    let (cookie, another): (SecretString, SecretString) = ("cookie".into(), "another".into());
    for stage in stages() {
        let waits = matches!(stage, Stage::Confirming { .. });
        let is_open = stage != Stage::Instructed;
        let flow = flow(stage);
        assert_eq!(flow.asks(Some(&cookie), at(99)).is_ok(), waits, "{:?}", flow.stage);
        assert_eq!(flow.asks(Some(&another), at(99)).unwrap_err(), Stop::Nothing);
        let late = if is_open { Stop::Ended(Ended::Expired) } else { Stop::Nothing };
        assert_eq!(flow.asks(Some(&cookie), at(100)).unwrap_err(), late);
        assert_eq!(flow.asks(None, at(100)).unwrap_err(), Stop::Nothing);
    }
}

#[test]
fn an_app_completes_with_its_verifier_for_the_subject_it_began_for() {
    let verifier: SecretString = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
    let [.., pending] = stages();
    let flow = apps(flow(pending));
    let (alice, bob) = (subject("alice"), subject("bob"));
    assert!(flow.is_completed_by(&verifier, &alice).is_ok());
    assert!(matches!(flow.is_completed_by(&"another".into(), &alice), Err(Error::BindCode)));
    assert!(matches!(flow.is_completed_by(&"another".into(), &bob), Err(Error::BindCode)));
    assert!(matches!(flow.is_completed_by(&verifier, &bob), Err(Error::Denied)));
    assert!(Flow { subject: None, ..flow.clone() }.is_completed_by(&verifier, &bob).is_ok());
    let persons = Flow { completer: Completer::Person, ..flow };
    for verifier in [verifier, "".into()] {
        assert!(matches!(persons.is_completed_by(&verifier, &alice), Err(Error::BindCode)));
    }
}

#[test]
fn an_ending_tells_the_app_one_of_five_and_the_record_why() {
    for (ended, told, detail) in [
        (Ended::Expired, "flow_expired", "flow_expired"),
        (Ended::MixedUp, "provider_error", "mixed_up"),
        (Ended::ProviderGone, "provider_error", "provider_gone"),
        (Ended::WrongIssuer, "provider_error", "wrong_issuer"),
        (Ended::ProviderUnavailable, "provider_error", "provider_unavailable"),
        (Ended::ProviderRefused, "provider_error", "provider_refused"),
        (Ended::DeclinedAtProvider, "access_denied", "declined_at_provider"),
        (Ended::NoCode, "provider_error", "no_code"),
        (Ended::ExchangeFailed, "provider_error", "exchange_failed"),
        (Ended::SignedOut, "wrong_user", "signed_out"),
        (Ended::WrongUser, "wrong_user", "wrong_user"),
        (Ended::DeclinedAtConfirm, "access_denied", "declined_at_confirm"),
        (Ended::AlreadyLinked, "already_linked", "already_linked"),
    ] {
        assert_eq!((ended.told().0, ended.detail()), (told, detail), "{ended:?}");
    }
}

#[test]
fn an_answer_shows_no_secret() {
    let shown = format!("{:?}", Answer { state: "s3cret".into(), code: Some("s3cret".into()), ..answer() });
    assert!(!shown.contains("s3cret"), "{shown}");
}
