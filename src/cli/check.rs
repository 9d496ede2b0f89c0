//! `fedlink check`: settings, database, keyring, every issuer's keys, every provider's metadata; a line each, and the exit status says all.

use std::path::Path;
use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::opened::{build, load};
use super::output::{Output, Trouble};
use crate::app::App;
use service::kin;
use settings::{SubjectTokens, words_on_odds};

pub(super) async fn run(config: &Path, output: &Output) -> Result<ExitCode, Trouble> {
    let configuration = load(config)?;
    let settings = &configuration.settings;
    tell(
        output,
        "settings",
        Ok(&format!("{} clients, {} providers", settings.clients.len(), settings.providers.len())),
    );
    // Opening migrates, opens the keyring and holds it against the database, and brings ownership in line.
    let app = build(configuration).await?;
    for warning in app.parts.settings.partner_warnings() {
        warn(output, &format!("partner {} ({})", warning.partner, warning.client), &warning.words);
    }
    tell(output, "database", Ok("answers, newest schema"));
    tell(output, "keyring", Ok("opens what the database holds"));
    let mut all_well = true;
    for issuer in app.parts.upstream.issuers() {
        let checked = issuer.check().await;
        all_well &= checked.is_ok();
        tell(output, &issuer.settings().issuer, checked.as_deref().map_err(String::as_str));
    }
    for (client, checked) in app.parts.upstream.check_clients().await {
        all_well &= checked.is_ok();
        tell(output, &format!("client {client}"), checked.as_deref().map_err(String::as_str));
    }
    for (issuer, checked) in app.parts.upstream.check_partners().await {
        all_well &= checked.is_ok();
        tell(output, &format!("userinfo of {issuer}"), checked.as_deref().map_err(String::as_str));
    }
    warn_of_clients(&app, output);
    for provider in app.parts.upstream.providers() {
        let id = provider.settings().id.to_string();
        let checked = provider.check().await;
        all_well &= checked.is_ok();
        tell(output, &id, checked.as_deref().map_err(String::as_str));
        if checked.is_ok() && provider.lacks_offline_access().await {
            warn(
                output,
                &id,
                "remember_tokens without offline access: put offline_access into its scopes, or users link again and again",
            );
        }
    }
    for warning in app.parts.settings.provider_warnings() {
        warn(output, &warning.provider.to_string(), warning.words);
    }
    warn_of_peers(&app, output);
    for receiver in app.parts.upstream.receivers().values() {
        let checked = receiver.check().await;
        all_well &= checked.is_ok();
        tell(output, &format!("webhook {}", receiver.name()), checked.as_deref().map_err(String::as_str));
    }
    for entries in kin::shared(&app.parts).await {
        let names: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let words = format!(
            "{} entries share a grant, {}: they are one client of one provider. A grant is revoked when none of them needs it any more",
            names.len(),
            names.join(", ")
        );
        warn(output, "revocation", &words);
    }
    for entries in kin::at_odds(&app.parts).await {
        warn(output, "revocation", &words_on_odds(&entries));
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long before a client's secret ends that is said.
const BEFORE_SECRETS_END: TimeDelta = TimeDelta::days(30);
/// How long before a certificate ends that is said: who renews them by machine has done so by then.
const BEFORE_CERTIFICATES_END: TimeDelta = TimeDelta::days(14);
/// How far clocks may be from each other: JWTs are refused not far beyond.
const CLOCKS_MAY_DIFFER: TimeDelta = TimeDelta::seconds(30);

fn warn_of_clients(app: &App, output: &Output) {
    let today = app.parts.clock.now().date_naive();
    for client in app.parts.settings.clients.values() {
        let what = format!("client {}", client.id);
        if let Some(ends) = client.secret_ends.filter(|ends| *ends <= today + BEFORE_SECRETS_END) {
            warn(output, &what, &format!("its secret is to end on {ends}: give it another, in secrets = [new, old]"));
        }
        if client.takes_endpoint_audience {
            let words = "takes assertions for the token endpoint's address: a server that it asks elsewhere could show them here";
            warn(output, &what, words);
        }
        if client.subject_tokens == SubjectTokens::InClearToo {
            warn(output, &what, "takes a subject in clear: whoever has its secret has the tokens of every user");
        }
    }
}

/// What was seen of servers while they were asked.
fn warn_of_peers(app: &App, output: &Output) {
    let now = app.parts.clock.now();
    let last = |ends: DateTime<Utc>| {
        let left = ends - now;
        (left < BEFORE_CERTIFICATES_END).then(|| match left.num_days() {
            ..0 => "its certificate has ended".to_owned(),
            0 => "its certificate ends today".to_owned(),
            1 => "its certificate ends in a day".to_owned(),
            days => format!("its certificate ends in {days} days"),
        })
    };
    for (host, peer) in app.parts.upstream.peers() {
        if let Some(words) = peer.certificate_ends.and_then(last) {
            warn(output, &host, &words);
        }
        if let Some(ahead) = peer.clock_ahead.filter(|ahead| ahead.abs() > CLOCKS_MAY_DIFFER) {
            let (seconds, side) =
                (ahead.abs().num_seconds(), if ahead < TimeDelta::zero() { "behind" } else { "ahead of" });
            warn(output, &host, &format!("its clock differs from ours by {seconds} s: it is {side} ours"));
        }
    }
    for (certificate, ends) in app.parts.upstream.certificates() {
        if let Some(words) = last(ends) {
            warn(output, &certificate, &words);
        }
    }
}

fn tell(output: &Output, what: &str, checked: Result<&str, &str>) {
    let (mark, words) = match checked {
        Ok(words) => ("ok", words),
        Err(words) => ("FAILED", words),
    };
    output.tell(
        format_args!("{mark:<7} {what}: {words}"),
        &json!({"check": what, "ok": checked.is_ok(), "detail": words}),
    );
}

/// What is as it was set, and may not be meant so: the status doesn't say it.
fn warn(output: &Output, what: &str, words: &str) {
    output.tell(
        format_args!("WARNING {what}: {words}"),
        &json!({"check": what, "ok": true, "warning": true, "detail": words}),
    );
}
