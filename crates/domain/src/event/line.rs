//! One line of the audit record.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::rule::LOGIN;
use super::{Event, Field};
use crate::ids::ProviderId;

/// Who did it, as far as it is known: of a person at our own pages, what we see; else what an application claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The application.
    pub client: Option<String>,
    /// The person: whose session it was, or for whom the application called.
    pub subject: Option<String>,
    /// The person's IP address; as an application claims it, believed by nobody.
    pub claimed_ip: Option<String>,
    /// The person's agent as it, or the application, says.
    pub claimed_agent: Option<String>,
}

/// What a line speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The person that it concerns: the owner of the links.
    pub subject: Option<&'a str>,
    /// At which provider.
    pub provider: Option<&'a ProviderId>,
    /// Which account there.
    pub sid: Option<&'a str>,
    /// A reason code of ours, or which record.
    pub detail: Option<&'a str>,
}

/// One line of the audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Its id, and its event's (`webhook-id`).
    pub id: Uuid,
    /// When it happened; of what is counted, when it first did.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: Event,
    /// Who did it.
    pub actor: Actor,
    /// The person that it concerns.
    pub subject: Option<String>,
    /// At which provider.
    pub provider: Option<ProviderId>,
    /// Which account there.
    pub sid: Option<String>,
    /// A reason code of ours, or which record.
    pub detail: Option<String>,
    /// How many times it happened, as far as that is counted; otherwise 1.
    pub count: u32,
}

impl AuditLine {
    /// A line of what happened once. What the event's rule has no field for is left out: names and addresses stand only where
    /// the rule says so.
    pub fn new(id: Uuid, at: DateTime<Utc>, event: Event, actor: &Actor, about: About<'_>) -> Self {
        let rule = event.rule();
        let has = |field, value: Option<&str>| value.filter(|_| rule.has(field)).map(str::to_owned);
        Self {
            id,
            at,
            event,
            actor: Actor {
                client: has(Field::Client, actor.client.as_deref()),
                subject: has(Field::Actor, actor.subject.as_deref()),
                claimed_ip: has(Field::Ip, actor.claimed_ip.as_deref()),
                claimed_agent: has(Field::Agent, actor.claimed_agent.as_deref()),
            },
            subject: has(Field::Subject, about.subject),
            provider: about.provider.filter(|_| rule.has(Field::Provider)).cloned(),
            sid: has(Field::Sid, about.sid),
            detail: has(Field::Detail, about.detail),
            count: 1,
        }
    }

    /// The line as the person that it concerns may read it, if at all: another person's id, address and agent are theirs.
    pub fn for_its_subject(mut self) -> Option<Self> {
        let rule = self.event.rule();
        if !rule.is_for_its_subject() {
            return None;
        }
        let is_theirs = match &self.actor.subject {
            Some(actor) => Some(actor) == self.subject.as_ref(),
            // Whoever is yet to show who they are is at a door that is this person's. An application that acts for nobody claims
            // whatever address, such as its own user's.
            None => self.actor.client.is_none() || rule.process == LOGIN,
        };
        if !is_theirs {
            let client = self.actor.client;
            self.actor = Actor { client, ..Actor::default() };
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: Event, actor: &str) -> AuditLine {
        line_by(event, Some("console"), Some(actor))
    }

    fn line_by(event: Event, client: Option<&str>, actor: Option<&str>) -> AuditLine {
        let actor = Actor {
            client: client.map(str::to_owned),
            subject: actor.map(str::to_owned),
            claimed_ip: Some("192.0.2.1".to_owned()),
            claimed_agent: Some("Firefox".to_owned()),
        };
        let provider = ProviderId::parse("tcs", "tcs_1").unwrap();
        let about =
            About { subject: Some("alice"), provider: Some(&provider), sid: Some("t-1"), detail: Some("wrong_user") };
        AuditLine::new(Uuid::nil(), DateTime::UNIX_EPOCH, event, &actor, about)
    }

    #[test]
    fn a_line_holds_no_more_than_its_rule() {
        let refused = line(Event::BindRefused, "mallory");
        assert_eq!(refused.actor.subject.as_deref(), Some("mallory"));
        assert_eq!(refused.sid.as_deref(), Some("t-1"));
        let key = line(Event::KeyActivated, "mallory");
        assert_eq!(key.actor, Actor::default());
        assert_eq!((key.subject, key.provider, key.sid, key.detail.as_deref()), (None, None, None, Some("wrong_user")));
    }

    #[test]
    fn a_person_reads_no_other_persons_address() {
        let own = line(Event::BindRefused, "alice").for_its_subject().unwrap();
        assert_eq!(own.actor.claimed_ip.as_deref(), Some("192.0.2.1"));
        let anothers = line(Event::BindRefused, "mallory").for_its_subject().unwrap();
        assert_eq!(anothers.actor, Actor { client: Some("console".to_owned()), ..Actor::default() });
        for (event, client, is_shown) in [
            (Event::SignInRefused, None, true),
            (Event::SignedIn, Some("partner"), true),
            (Event::AddressTaken, Some("partner"), false),
            (Event::Linked, Some("console"), false),
            (Event::Linked, None, true),
        ] {
            let line = line_by(event, client, None).for_its_subject().unwrap();
            let shown = is_shown.then_some("192.0.2.1");
            assert_eq!((line.actor.claimed_ip.as_deref(), line.actor.client.as_deref()), (shown, client), "{event:?}");
        }
        assert_eq!(line(Event::KeyActivated, "alice").for_its_subject(), None);
        assert_eq!(line(Event::LinksSearched, "alice").for_its_subject(), None);
    }
}
