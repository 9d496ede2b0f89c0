//! `fedlink audit`: the record, as it happened and as it happens.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;

use super::opened::told_to_stop;
use super::output::{Output, Trouble};
use crate::app::App;
use domain::audit::{Order, Place, Search, Span, events, shape};
use domain::event::{AuditLine, Field};
use domain::ids::{ProviderId, Sid, Subject};
use service::reading::Wanted;

/// Lines of one page.
const PAGE: usize = 500;
/// How often the record is looked at for what came.
const AGAIN: Duration = Duration::from_secs(1);
/// How long after it happened a line is waited for: transactions end in another order than they begin, and instances' clocks differ.
const LATE: TimeDelta = TimeDelta::seconds(60);

#[derive(Args)]
pub(super) struct Arguments {
    /// Only of this person.
    #[arg(long)]
    subject: Option<String>,
    /// Only of these kinds, a comma between them.
    #[arg(long = "type")]
    kinds: Option<String>,
    /// Only at this provider, as type:name.
    #[arg(long)]
    provider: Option<String>,
    /// Only of this account at the provider.
    #[arg(long, requires = "provider")]
    sid: Option<String>,
    /// From this moment on (RFC 3339).
    #[arg(long)]
    from: Option<DateTime<Utc>>,
    /// Up to before this one.
    #[arg(long, conflicts_with = "follow")]
    to: Option<DateTime<Utc>>,
    /// The newest so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Go on with what comes, until told to stop.
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run(asked: &Arguments, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    let search = search(asked).map_err(|error| Trouble::from(&error))?;
    let reader = Reader { app, search, output };
    let reading = async { reader.read(asked).await.map_err(|error| Trouble::from(&error)) };
    if asked.follow {
        tokio::select! {
            done = reading => done?,
            stopped = told_to_stop() => stopped?,
        }
    } else {
        reading.await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn search(asked: &Arguments) -> domain::Result<Search> {
    Search::new(
        asked.subject.clone().map(Subject::parse).transpose()?,
        asked.kinds.as_deref().map_or(Ok(Vec::new()), events)?,
        asked.provider.as_deref().map(ProviderId::parse_pair).transpose()?,
        asked.sid.clone().map(Sid::parse).transpose()?,
    )
}

/// Reads the record and prints it.
struct Reader<'a> {
    app: App,
    search: Search,
    output: &'a Output,
}

impl Reader<'_> {
    async fn read(&self, asked: &Arguments) -> domain::Result<()> {
        let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        if !asked.follow {
            self.tell(&self.newest(Span::new(asked.from, asked.to), limit).await?);
            return Ok(());
        }
        // Before the list: what comes in between is in it, or comes after it.
        let mut seen: BTreeSet<Place> = self.late(asked.from).await?.iter().map(place).collect();
        let newest = self.newest(Span::new(asked.from, None), limit).await?;
        seen.extend(newest.iter().map(place));
        let mut is_read = self.tell(&newest);
        while is_read {
            tokio::time::sleep(AGAIN).await;
            let mut lines = self.late(asked.from).await?;
            let kept = self.since(asked.from);
            seen.retain(|place| place.at >= kept);
            lines.retain(|line| seen.insert(place(line)));
            is_read = self.tell(&lines);
        }
        Ok(())
    }

    /// The newest so many lines of a span, oldest first.
    async fn newest(&self, mut span: Span, limit: usize) -> domain::Result<Vec<AuditLine>> {
        let order = Order::NewestFirst;
        let mut lines = Vec::new();
        while lines.len() < limit {
            let wanted = Wanted { search: self.search.clone(), span, order, limit: PAGE.min(limit - lines.len()) };
            let page = wanted.read(&self.app.parts).await?;
            lines.extend(page.lines);
            let Some(next) = page.next else { break };
            span = span.behind(next, order);
        }
        lines.reverse();
        Ok(lines)
    }

    /// From when on lines may still come.
    fn since(&self, from: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let late = self.app.parts.clock.now() - LATE;
        from.map_or(late, |from| late.max(from))
    }

    /// What there is of the time of which lines may still come.
    async fn late(&self, from: Option<DateTime<Utc>>) -> domain::Result<Vec<AuditLine>> {
        self.newest(Span::new(Some(self.since(from)), None), usize::MAX).await
    }

    /// Prints lines; whether anybody reads them.
    fn tell(&self, lines: &[AuditLine]) -> bool {
        lines.iter().all(|line| self.output.tells(Words(line), &shape::json(line)))
    }
}

fn place(line: &AuditLine) -> Place {
    Place { at: line.at, id: line.id }
}

/// A line in words: what is not known is left out, and what could be taken for something else is quoted.
struct Words<'a>(&'a AuditLine);

impl Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0;
        write!(f, "{} {}", line.at.to_rfc3339_opts(SecondsFormat::Micros, true), line.event.as_str())?;
        let provider = line.provider.as_ref().map(ToString::to_string);
        for (name, text) in [
            ("subject", &line.subject),
            ("provider", &provider),
            ("sid", &line.sid),
            ("detail", &line.detail),
            ("client", &line.actor.client),
            ("actor", &line.actor.subject),
            ("ip", &line.actor.claimed_ip),
            ("agent", &line.actor.claimed_agent),
        ] {
            match text {
                Some(text) if is_plain(text) => write!(f, " {name}={text}")?,
                Some(text) => write!(f, " {name}={text:?}")?,
                None => {}
            }
        }
        if line.event.rule().has(Field::Count) { write!(f, " count={}", line.count) } else { Ok(()) }
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:/+,@".contains(c))
}

#[cfg(test)]
mod tests {
    use domain::event::{About, Actor, Event};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        let actor = Actor {
            client: Some("console".to_owned()),
            claimed_agent: Some("a\u{9B}31m\u{202E} ip=1".to_owned()),
            ..Actor::default()
        };
        let about = About { subject: Some("алиса"), detail: Some(""), ..About::default() };
        let line = AuditLine::new(Uuid::nil(), DateTime::UNIX_EPOCH, Event::SignedIn, &actor, about);
        assert_eq!(
            Words(&line).to_string(),
            "1970-01-01T00:00:00.000000Z SIGNED_IN subject=алиса detail=\"\" client=console agent=\"a\\u{9b}31m\\u{202e} ip=1\""
        );
        let counted = AuditLine::new(Uuid::nil(), DateTime::UNIX_EPOCH, Event::CallsRefused, &actor, About::default());
        assert_eq!(Words(&counted).to_string(), "1970-01-01T00:00:00.000000Z CALLS_REFUSED client=console count=1");
    }
}
