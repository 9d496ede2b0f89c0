//! A line as JSON, wherever it is shown: Blitz's members, and ours beside them.

use serde_json::{Map, Value, json};

use crate::event::{AuditLine, Field};
use crate::ids::ProviderId;

/// The line. What is not known of it is left out. Blitz's `sid` is a session: the account at the provider is `extSid`.
pub fn json(line: &AuditLine) -> Value {
    let (rule, actor) = (line.event.rule(), &line.actor);
    let always = [
        ("id", json!(line.id)),
        ("ts", json!(line.at.timestamp_millis())),
        ("type", json!(line.event.as_str())),
        ("proc", json!(rule.process)),
    ];
    let texts = [
        ("sbj", actor.subject.as_deref()),
        ("obj", line.subject.as_deref()),
        ("cId", actor.client.as_deref()),
        ("ip", actor.claimed_ip.as_deref()),
        ("ua", actor.claimed_agent.as_deref()),
        ("fpType", line.provider.as_ref().map(ProviderId::fp_type)),
        ("fpName", line.provider.as_ref().map(ProviderId::fp_name)),
        ("extSid", line.sid.as_deref()),
    ];
    let others = [
        ("prms", line.detail.as_ref().map(|detail| json!({ "detail": detail }))),
        ("count", rule.has(Field::Count).then(|| json!(line.count))),
    ];
    let known = texts.into_iter().filter_map(|(name, text)| Some((name, json!(text?))));
    let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let members = always.into_iter().chain(known).chain(others);
    members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::event::{About, Actor, Event};

    fn line(event: Event) -> AuditLine {
        let text = |text: &str| Some(text.to_owned());
        let actor = Actor {
            client: text("console"),
            subject: text("eve"),
            claimed_ip: text("192.0.2.1"),
            claimed_agent: text("Firefox"),
        };
        let provider = ProviderId::parse("tcs", "tcs_1").unwrap();
        let about =
            About { subject: Some("alice"), provider: Some(&provider), sid: Some("1234"), detail: Some("wrong_user") };
        let at = DateTime::from_timestamp_micros(1_637_250_238_015_999).unwrap();
        AuditLine::new(Uuid::from_u128(7), at, event, &actor, about)
    }

    #[test]
    fn a_line_has_blitzs_members_and_ours() {
        let id = "00000000-0000-0000-0000-000000000007";
        let ts = 1_637_250_238_015_i64;
        assert_eq!(
            json(&line(Event::BindRefused)),
            json!({
                "id": id, "ts": ts, "type": "FEDERATION_BIND_REFUSED", "proc": "bind", "sbj": "eve", "obj": "alice", "cId": "console",
                "ip": "192.0.2.1", "ua": "Firefox", "prms": {"detail": "wrong_user"}, "fpType": "tcs", "fpName": "tcs_1", "extSid": "1234",
            })
        );
        assert_eq!(
            json(&line(Event::CallsRefused)),
            json!({
                "id": id, "ts": ts, "type": "CALLS_REFUSED", "proc": "call", "cId": "console", "prms": {"detail": "wrong_user"}, "count": 1,
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let at = DateTime::UNIX_EPOCH;
        let line = AuditLine::new(Uuid::nil(), at, Event::SignedIn, &Actor::default(), About::default());
        let shown = json!({"id": Uuid::nil(), "ts": 0, "type": "SIGNED_IN", "proc": "login"});
        assert_eq!(json(&line), shown);
    }
}
