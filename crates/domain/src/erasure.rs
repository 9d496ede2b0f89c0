//! A person who is erased: what becomes of each line of the record that names them. Identifiers become keyed hashes, the same on every
//! line, so the record's shape stays.

use std::fmt::Write as _;

use uuid::Uuid;

use super::event::Event;
use super::ids::Subject;

/// What a mark begins with.
const PREFIX: &str = "erased:";
/// Bytes of a hash that a mark keeps: 128 bits tell all people apart, and stand in any column for an id.
const KEPT: usize = 16;

/// Hashes texts under a key that is not in the database: whoever steals that finds nobody by trying what they might be called.
pub trait KeyedHash: Send + Sync {
    /// The hash of these texts, as a list.
    fn hash(&self, texts: &[&str]) -> [u8; 32];
}

/// Whether a text stands for an identifier that was erased.
pub fn is_mark(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix(PREFIX).is_some_and(|digits| digits.len() == 2 * KEPT && digits.bytes().all(is_digit))
}

fn mark(hash: [u8; 32]) -> String {
    hash.iter().take(KEPT).fold(PREFIX.to_owned(), |mut mark, byte| {
        let _infallible = write!(mark, "{byte:02x}");
        mark
    })
}

/// An account at a provider, as lines name it: the provider's type and name, and the account's id there. Either may be no name of a
/// provider's by now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The provider's type.
    pub fp_type: String,
    /// The provider's name.
    pub fp_name: String,
    /// The account's id there.
    pub sid: String,
}

/// What a line says that may tell a person apart, their address and agent aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: Uuid,
    /// What happened; `None` if this version knows of no such event.
    pub event: Option<Event>,
    /// The person that it concerns.
    pub subject: Option<String>,
    /// The person who acted.
    pub actor: Option<String>,
    /// The account at a provider.
    pub account: Option<Account>,
    /// A reason code of ours, or which record.
    pub detail: Option<String>,
}

/// What is to stand in a line instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rewritten {
    /// The person that it concerns.
    pub subject: Option<String>,
    /// The person who acted.
    pub actor: Option<String>,
    /// The account at the provider.
    pub sid: Option<String>,
    /// A reason code of ours, or which record.
    pub detail: Option<String>,
    /// Whether address and agent stay: they are somebody else's.
    pub keeps_address: bool,
}

/// Why a line is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// It concerns the person, or they acted.
    Person,
    /// It names an account at a provider that was theirs.
    Account,
    /// Its detail may be one of these ids: of what they were in organizations.
    Employment(&'a [Uuid]),
}

/// A person who is being erased.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    subject: &'a Subject,
    key: &'a dyn KeyedHash,
}

/// What of a person a detail may hold.
enum InDetail {
    /// Nothing: a code of ours, the id of something else, words of the settings.
    Nothing,
    /// After a code of ours, a word of the provider's, which may be anything.
    Word,
    /// The id of what they are in an organization.
    Employment,
}

impl Event {
    const fn in_detail(self) -> InDetail {
        match self {
            Self::ConsentNeeded | Self::RefreshLost => InDetail::Word,
            Self::EmployeeChanged => InDetail::Employment,
            Self::Linked
            | Self::Unlinked
            | Self::TakenOver
            | Self::AccountCreated
            | Self::AccountDeleted
            | Self::PasswordSet
            | Self::AccountDisabled
            | Self::AccountEnabled
            | Self::AccountChanged
            | Self::OrganizationChanged
            | Self::RoleChanged
            | Self::RightsSetChanged
            | Self::AddressTaken
            | Self::SignedIn
            | Self::SignedOut
            | Self::SignInRefused
            | Self::TokenReused
            | Self::CodeRefused
            | Self::Retried
            | Self::LinksSearched
            | Self::BindRefused
            | Self::KeyActivated
            | Self::KeyDropped
            | Self::Revoked
            | Self::RevocationSpared
            | Self::RevocationGivenUp
            | Self::Recovered
            | Self::ScopesMissing
            | Self::ExpiresSoon
            | Self::TokensServed
            | Self::CallsRefused
            | Self::AuthenticationFailed
            | Self::AuditSearched
            | Self::EventsReplayed
            | Self::PersonErased
            | Self::DataExported
            | Self::AccountExported => InDetail::Nothing,
        }
    }
}

impl<'a> Person<'a> {
    /// The person of this id, whose identifiers are hashed under a key.
    pub fn new(subject: &'a Subject, key: &'a dyn KeyedHash) -> Self {
        Self { subject, key }
    }

    /// Their id.
    pub fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// What stands for their id.
    pub fn mark(&self) -> String {
        mark(self.key.hash(&["subject", self.subject.as_str()]))
    }

    /// What stands for an account's id at its provider.
    pub fn mark_of(&self, account: &Account) -> String {
        mark(self.key.hash(&["account", &account.fp_type, &account.fp_name, &account.sid]))
    }

    /// What is to stand in a line; `None`: what does.
    pub fn rewrite(&self, line: &Line, named: Named<'_>) -> Option<Rewritten> {
        let is_theirs = |id: &Option<String>| id.as_deref() == Some(self.subject.as_str());
        let (concerns_them, by_them) = (is_theirs(&line.subject), is_theirs(&line.actor));
        let marked = |is: bool, id: &Option<String>| if is { Some(self.mark()) } else { id.clone() };
        // Where somebody else acted, it is that person's.
        let is_their_address = by_them || (concerns_them && line.actor.is_none());
        let names_account = concerns_them || named == Named::Account;
        let rewritten = Rewritten {
            subject: marked(concerns_them, &line.subject),
            actor: marked(by_them, &line.actor),
            sid: line.account.as_ref().map(|account| self.sid(account, names_account)),
            detail: line.detail.as_deref().map(|detail| self.detail(line, detail, names_account, named)),
            keeps_address: !is_their_address,
        };
        let stays = rewritten.subject == line.subject
            && rewritten.actor == line.actor
            && rewritten.sid.as_ref() == line.account.as_ref().map(|account| &account.sid)
            && rewritten.detail == line.detail;
        (!stays).then_some(rewritten)
    }

    fn sid(&self, account: &Account, is_theirs: bool) -> String {
        if is_theirs && !is_mark(&account.sid) { self.mark_of(account) } else { account.sid.clone() }
    }

    fn detail(&self, line: &Line, detail: &str, names_account: bool, named: Named<'_>) -> String {
        match (line.event.map(Event::in_detail), named) {
            (Some(InDetail::Word), _) if names_account => detail.split(':').next().unwrap_or_default().to_owned(),
            (Some(InDetail::Employment), Named::Employment(ids))
                if Uuid::parse_str(detail).is_ok_and(|id| ids.contains(&id)) =>
            {
                mark(self.key.hash(&["employee", detail]))
            }
            _ => detail.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    struct Plain;

    impl KeyedHash for Plain {
        fn hash(&self, texts: &[&str]) -> [u8; 32] {
            Sha256::digest(texts.join("\0")).into()
        }
    }

    fn line(event: Event, subject: &str, actor: Option<&str>, detail: &str) -> Line {
        let account = Account { fp_type: "box".into(), fp_name: "box_1".into(), sid: "oleg".into() };
        Line {
            id: Uuid::nil(),
            event: Some(event),
            subject: Some(subject.to_owned()),
            actor: actor.map(str::to_owned),
            account: Some(account),
            detail: Some(detail.to_owned()),
        }
    }

    fn rewrite(line: &Line, named: Named<'_>) -> Option<Rewritten> {
        let alice = Subject::parse("alice").unwrap();
        Person::new(&alice, &Plain).rewrite(line, named)
    }

    #[test]
    fn a_line_of_theirs_keeps_what_happened_and_nothing_that_tells_them_apart() {
        let theirs = line(Event::Linked, "alice", Some("alice"), "proven");
        let rewritten = rewrite(&theirs, Named::Person).unwrap();
        assert!(is_mark(rewritten.subject.as_ref().unwrap()) && is_mark(rewritten.sid.as_ref().unwrap()));
        assert_eq!((&rewritten.actor, rewritten.keeps_address), (&rewritten.subject, false));
        assert_ne!(rewritten.sid, rewritten.subject);
        assert_eq!(rewritten.detail.as_deref(), Some("proven"));
        // Once more it is as it is.
        let Rewritten { subject, actor, sid, detail, .. } = rewritten;
        let account = Account { sid: sid.unwrap(), ..theirs.account.clone().unwrap() };
        let again = Line { subject, actor, detail, account: Some(account), ..theirs };
        assert_eq!((rewrite(&again, Named::Person), rewrite(&again, Named::Account)), (None, None));
    }

    #[test]
    fn what_somebody_else_did_stays_theirs() {
        let by_bob =
            rewrite(&line(Event::TakenOver, "alice", Some("bob"), "proven_by_another"), Named::Person).unwrap();
        assert_eq!((by_bob.actor.as_deref(), by_bob.keeps_address), (Some("bob"), true));
        let of_bob = rewrite(&line(Event::BindRefused, "bob", Some("alice"), "wrong_user"), Named::Person).unwrap();
        assert_eq!((of_bob.subject.as_deref(), of_bob.sid.as_deref()), (Some("bob"), Some("oleg")));
        assert!(is_mark(of_bob.actor.as_ref().unwrap()) && !of_bob.keeps_address);
        assert_eq!(rewrite(&line(Event::Linked, "bob", Some("bob"), "proven"), Named::Person), None);
        // An application's word of an address is of the person that it speaks of.
        assert!(!rewrite(&line(Event::Linked, "alice", None, "asserted"), Named::Person).unwrap().keeps_address);
    }

    #[test]
    fn an_account_of_theirs_is_marked_wherever_it_stands() {
        let of_bob = rewrite(&line(Event::BindRefused, "bob", Some("bob"), "already_linked"), Named::Account).unwrap();
        let theirs = rewrite(&line(Event::Linked, "alice", None, "proven"), Named::Person).unwrap();
        assert_eq!((of_bob.subject.as_deref(), of_bob.actor.as_deref()), (Some("bob"), Some("bob")));
        assert!(of_bob.sid == theirs.sid && of_bob.keeps_address);
    }

    #[test]
    fn a_word_of_a_providers_goes_and_a_code_of_ours_stays() {
        let detail =
            |event, detail: &str| rewrite(&line(event, "alice", None, detail), Named::Person).unwrap().detail.unwrap();
        assert_eq!(detail(Event::ConsentNeeded, "needs_consent: token of eve@mail.example"), "needs_consent");
        assert_eq!(detail(Event::RefreshLost, "lost_in_flight"), "lost_in_flight");
        assert_eq!(detail(Event::ScopesMissing, "missing_scopes: email phone"), "missing_scopes: email phone");
    }

    #[test]
    fn what_they_were_in_an_organization_is_marked_and_what_others_are_is_not() {
        let employment = Uuid::from_u128(7);
        let changed = |id: Uuid| Line {
            subject: None,
            account: None,
            ..line(Event::EmployeeChanged, "", Some("admin"), &id.to_string())
        };
        let rewritten = rewrite(&changed(employment), Named::Employment(&[employment])).unwrap();
        assert!(is_mark(rewritten.detail.as_ref().unwrap()) && rewritten.keeps_address);
        assert_eq!(rewrite(&changed(Uuid::from_u128(8)), Named::Employment(&[employment])), None);
        assert_eq!(rewrite(&changed(employment), Named::Person), None);
    }

    #[test]
    fn a_mark_is_known_by_its_form() {
        assert!(is_mark(&mark([0xab; 32])));
        assert_eq!(mark([0xab; 32]), format!("erased:{}", "ab".repeat(16)));
        for other in ["erased:", "erased:ab", "alice", &format!("erased:{}", "AB".repeat(16)), &"ab".repeat(16)] {
            assert!(!is_mark(other), "{other}");
        }
    }
}
