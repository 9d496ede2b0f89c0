//! What a subscriber is told of a line of the audit record: ids, codes and the moment, and nothing else of it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::erasure::is_mark;
use crate::event::{AuditLine, Event};
use crate::ids::ProviderId;

/// The longest code that is told.
const CODE: usize = 64;

/// An event as it is told. Names are kept as they were written down, so that what another version wrote can be told as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The id of the line, and of each delivery of it (`webhook-id`).
    pub id: Uuid,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: String,
    /// The person that it concerns.
    pub subject: Option<String>,
    /// At which provider: type and name.
    pub provider: Option<(String, String)>,
    /// Which account there.
    pub sid: Option<String>,
    /// Why, in a code of ours; of keys, which one.
    pub reason: Option<String>,
    /// Whether it is told anew, after it was given up or taken.
    pub replayed: bool,
}

impl Told {
    /// What is told of a line; `None` if nobody is told of such. Of somebody who is erased nobody is told anything any more.
    pub fn of(line: &AuditLine) -> Option<Self> {
        let is_erased = [&line.subject, &line.sid].into_iter().flatten().any(|id| is_mark(id));
        (line.event.rule().is_told && !is_erased).then(|| Self {
            id: line.id,
            at: line.at,
            event: line.event.as_str().to_owned(),
            subject: line.subject.clone(),
            provider: line.provider.as_ref().map(parts),
            sid: line.sid.clone(),
            reason: line.detail.as_deref().and_then(code),
            replayed: false,
        })
    }

    /// The order that it stands in: one account at a provider has one, across its links; so has a person, of whatever else
    /// concerns them, and all that concerns nobody.
    pub fn lane(&self) -> Uuid {
        let text = match (&self.provider, &self.sid, &self.subject) {
            (Some((fp_type, fp_name)), Some(sid), _) => format!("account\0{fp_type}\0{fp_name}\0{sid}"),
            (_, _, Some(subject)) => format!("person\0{subject}"),
            _ => "nobody".to_owned(),
        };
        let mut lane = [0; 16];
        lane.iter_mut().zip(Sha256::digest(text)).for_each(|(byte, hashed)| *byte = hashed);
        Uuid::from_bytes(lane)
    }

    /// What is sent.
    pub fn body(&self) -> String {
        self.json().to_string()
    }

    /// The same as JSON: `type`, `timestamp` and `data`, as Standard Webhooks recommends it.
    pub fn json(&self) -> Value {
        let reason = if is_of_keys(&self.event) { "key" } else { "reason" };
        let fields = [
            ("subject", self.subject.as_ref()),
            ("fpType", self.provider.as_ref().map(|(fp_type, _)| fp_type)),
            ("fpName", self.provider.as_ref().map(|(_, fp_name)| fp_name)),
            ("sid", self.sid.as_ref()),
            (reason, self.reason.as_ref()),
        ];
        let data: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect();
        let timestamp = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let members = [("type", json!(self.event)), ("timestamp", json!(timestamp)), ("data", Value::Object(data))];
        let replayed = self.replayed.then_some(("replayed", json!(true)));
        members.into_iter().chain(replayed).map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    }
}

fn parts(provider: &ProviderId) -> (String, String) {
    (provider.fp_type().to_owned(), provider.fp_name().to_owned())
}

fn is_of_keys(event: &str) -> bool {
    matches!(Event::parse(event), Some(Event::KeyActivated | Event::KeyDropped))
}

/// The code of ours that a detail begins with: `needs_consent` of `needs_consent: invalid_grant`, where the rest is the provider's.
fn code(detail: &str) -> Option<String> {
    let code = detail.split(|c: char| c == ':' || c.is_whitespace()).next().unwrap_or_default();
    let is_code = (1..=CODE).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{About, Actor};

    fn line(event: Event, about: About<'_>) -> AuditLine {
        let actor = Actor {
            client: Some("console".to_owned()),
            subject: Some("support".to_owned()),
            claimed_ip: Some("192.0.2.1".to_owned()),
            claimed_agent: Some("Firefox".to_owned()),
        };
        let at = DateTime::parse_from_rfc3339("2026-11-27T10:11:12.345678Z").unwrap().to_utc();
        AuditLine::new(Uuid::from_u128(7), at, event, &actor, about)
    }

    fn provider() -> ProviderId {
        ProviderId::parse("tcs", "tcs_1").unwrap()
    }

    #[test]
    fn who_acted_and_from_where_is_told_to_nobody() {
        let provider = provider();
        let about =
            About { subject: Some("alice"), provider: Some(&provider), sid: Some("t-1"), detail: Some("proven") };
        let told = Told::of(&line(Event::Linked, about)).unwrap();
        let told = |replayed| Told { replayed, ..told.clone() }.body();
        let expected = |more: &str| {
            format!(
                r#"{{"type":"FEDERATION_POINT_BOUND","timestamp":"2026-11-27T10:11:12.345678Z","data":{{"subject":"alice","fpType":"tcs","fpName":"tcs_1","sid":"t-1","reason":"proven"}}{more}}}"#
            )
        };
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&told(false)), read(&expected("")));
        assert_eq!(read(&told(true)), read(&expected(r#","replayed":true"#)));
    }

    #[test]
    fn of_each_event_its_rule_says_whether_it_is_told() {
        for event in Event::ALL {
            let told = Told::of(&line(*event, About::default()));
            assert_eq!(told.is_some(), event.rule().is_told, "{event:?}");
        }
    }

    #[test]
    fn of_somebody_who_is_erased_nobody_is_told() {
        let (provider, mark) = (provider(), format!("erased:{}", "0123456789abcdef".repeat(2)));
        for (subject, sid, is_told) in
            [(&*mark, "t-1", false), ("bob", &*mark, false), (&*mark, &*mark, false), ("bob", "t-1", true)]
        {
            let about = About { subject: Some(subject), provider: Some(&provider), sid: Some(sid), detail: None };
            assert_eq!(Told::of(&line(Event::Unlinked, about)).is_some(), is_told, "{subject} {sid}");
        }
    }

    #[test]
    fn of_a_detail_our_own_code_is_told_and_no_word_of_a_providers() {
        for (detail, told) in [
            ("needs_consent", Some("needs_consent")),
            ("needs_consent: invalid_grant", Some("needs_consent")),
            ("needs_consent: token of eve@mail.example expired", Some("needs_consent")),
            ("lost_in_flight:x", Some("lost_in_flight")),
            ("authenticateUserWithPhoneAndPassword", Some("authenticateUserWithPhoneAndPassword")),
            ("2026-11-a1", Some("2026-11-a1")),
            ("eve@mail.example", None),
            ("+79990000000", None),
            ("Ева", None),
            ("https://a.example/x", Some("https")),
            (": word", None),
            ("", None),
        ] {
            let told_of = Told::of(&line(Event::ConsentNeeded, About { detail: Some(detail), ..About::default() }));
            assert_eq!(told_of.unwrap().reason.as_deref(), told, "{detail:?}");
        }
        let long = |length| code(&"a".repeat(length)).is_some();
        assert_eq!((long(CODE + 1), long(CODE)), (false, true));
    }

    #[test]
    fn what_is_told_of_a_key_is_which() {
        let told = Told::of(&line(Event::KeyActivated, About { detail: Some("k2"), ..About::default() })).unwrap();
        let body: Value = serde_json::from_str(&told.body()).unwrap();
        assert_eq!(body["data"], json!({"key": "k2"}));
    }

    #[test]
    fn an_account_at_a_provider_has_one_order_and_others_have_others() {
        let (one, other) = (provider(), ProviderId::parse("tcs", "tcs_2").unwrap());
        let lane = |event, subject, provider, sid| {
            Told::of(&line(event, About { subject, provider, sid, detail: None })).unwrap().lane()
        };
        let of_link = lane(Event::Linked, Some("alice"), Some(&one), Some("1"));
        assert_eq!(lane(Event::Unlinked, Some("bob"), Some(&one), Some("1")), of_link, "taken over, it stays in order");
        let of_person = lane(Event::AccountDeleted, Some("alice"), None, None);
        assert_eq!(lane(Event::SignedIn, Some("alice"), None, None), of_person);
        let nobody = lane(Event::KeyActivated, None, None, None);
        assert_eq!(lane(Event::KeyDropped, None, None, None), nobody);
        let lanes = [
            of_link,
            of_person,
            nobody,
            lane(Event::Linked, Some("alice"), Some(&one), Some("2")),
            lane(Event::Linked, Some("alice"), Some(&other), Some("1")),
            lane(Event::SignedIn, Some("bob"), None, None),
        ];
        let different: std::collections::BTreeSet<_> = lanes.iter().collect();
        assert_eq!(different.len(), lanes.len());
    }
}
