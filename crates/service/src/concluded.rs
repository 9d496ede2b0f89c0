//! What a caller is told of a subject's links at a provider: the tokens that there are, or why there are none.

use std::time::Duration;

use super::tokens::{Answer, Asking, SOON, Served};
use domain::reason::Reason;
use domain::token::Lack;
use domain::{Error, Result};

impl Asking<'_> {
    /// All tokens there are; without any, the error that tells most about what to do.
    pub(super) fn conclude(&self, answers: Vec<Answer>) -> Result<Vec<Served>> {
        let (mut rest, mut lack, mut away) = (None::<Duration>, None, false);
        let mut broken = false;
        let served = answers.into_iter().filter_map(|answer| {
            match answer {
                Answer::Served(token) => return Some(token),
                Answer::Rest(wait) => rest = Some(rest.map_or(wait, |shorter| shorter.min(wait))),
                Answer::Lacks(why) => lack = Some(why),
                Answer::StorageAway => away = true,
                Answer::Broken => broken = true,
            }
            None
        });
        // In the room of the answers.
        let served: Vec<Served> = served.collect();
        if !served.is_empty() {
            return Ok(served);
        }
        if broken {
            return Err(Error::internal("a refresh failed; the log says why at its link"));
        }
        if away {
            return Err(Error::StorageUnavailable("a refresh waits for the database".into()));
        }
        if let Some(wait) = rest {
            return Err(Error::ProviderUnavailable { retry_after: wait.max(SOON) });
        }
        let reason = lack.map_or(Reason::NotLinked, Reason::from);
        Err(Error::no_token_until(reason, self.words_on(lack)))
    }

    fn words_on(&self, lack: Option<Lack>) -> String {
        match lack {
            None => "there is no link with tokens".to_owned(),
            Some(Lack::NoRefreshToken) if !self.parts.settings.tokens.refresh => {
                "it has expired, and this fedlink refreshes none (tokens.refresh = false)".to_owned()
            }
            Some(Lack::NoRefreshToken) => "it has expired and there is no refresh token".to_owned(),
            Some(Lack::NeedsConsent) => "the provider refused its tokens; the user has to link again".to_owned(),
            Some(Lack::LostInFlight) => {
                "the refresh token was lost on its way from the provider; the user has to link again".to_owned()
            }
            Some(Lack::ShortLived { life }) => format!(
                "the provider's tokens live {life} s, and a token is handed out only with more than {} s left",
                self.parts.settings.tokens.min_lifetime.as_secs()
            ),
        }
    }
}
