//! The installation's day (`limits.sms_per_day`): how many messages all networks together may ask for without a password, and
//! how many of these one may.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::live::to_midnight;
use crate::Parts;
use crate::attempts::{self, Key, Verdict, Window};
use domain::budget::share;
use domain::networks::site;
use domain::refusal::Refusal;
use domain::{Error, Result};

/// Refuses what is too much, counting nothing: what isn't sent must not use up what others could send.
pub(super) async fn check(parts: &Arc<Parts>, ip: IpAddr) -> Result<()> {
    let Some(messages) = parts.settings.limits.sms_per_day else { return Ok(()) };
    if attempts::is_used_up(parts, &of_network(ip), share(messages)).await? {
        return Err(of_network_is_spent(to_midnight(parts)));
    }
    if attempts::is_used_up(parts, &of_all(), messages).await? {
        return Err(is_spent(parts, messages).await?);
    }
    Ok(())
}

/// Counts a message that is to be sent.
pub(super) async fn draw(parts: &Arc<Parts>, ip: IpAddr) -> Result<()> {
    let Some(messages) = parts.settings.limits.sms_per_day else { return Ok(()) };
    // Of those that wait for the last of it one gets here.
    let counted = attempts::count(parts, of_network(ip), share(messages), Window::Day).await?;
    if let Verdict::Refused { retry_after, .. } = counted {
        return Err(of_network_is_spent(retry_after));
    }
    if attempts::count(parts, of_all(), messages, Window::Day).await? == Verdict::Allowed {
        return Ok(());
    }
    Err(is_spent(parts, messages).await?)
}

/// The widest network alone is counted: no part of it has more than the whole, and who holds it can cut it as they like.
fn of_network(ip: IpAddr) -> Key {
    Key::new("SMS of the day for", &site(ip))
}

fn of_all() -> Key {
    Key::new("SMS of the day", "")
}

fn of_network_is_spent(retry_after: Duration) -> Error {
    Error::refused(Refusal::SmsForIpDayLimitReached { retry_after })
}

/// Says so, once a day: the database knows who is the first.
async fn is_spent(parts: &Arc<Parts>, messages: usize) -> Result<Error> {
    let told = attempts::count(parts, Key::new("SMS of the day", "told"), 1, Window::Day).await?;
    if told == Verdict::Allowed {
        tracing::error!(
            "limits.sms_per_day is spent: {messages} messages without a password were asked for today; until midnight UTC only \
             who gives one gets a code"
        );
    }
    Ok(Error::refused(Refusal::TooManyRequests { retry_after: to_midnight(parts) }))
}
