//! Whether the provider still takes an access token that somebody was refused with.

use secrecy::SecretString;

use super::Provider;
use crate::command::Purpose;
use crate::oauth2 as requests;
use crate::passing::Passing;
use crate::standing::{Standing, by_introspection, by_userinfo};
use crate::userinfo;

impl Provider {
    /// Asks userinfo with it, or, where there is none, introspection about it.
    pub async fn look(&self, access_token: &SecretString) -> Standing {
        let found = match self.metadata().await {
            Ok(metadata) => &metadata.endpoints.clone(),
            // What is set by hand needs no metadata.
            Err(_) if self.settings.endpoints.userinfo.is_some() => &self.settings.endpoints,
            Err(why) => return Standing::TryLater(why),
        };
        let dead = &self.settings.dead_access_errors;
        let (request, by_its_owner) = match (&found.userinfo, &found.introspection) {
            (Some(url), _) => (userinfo::request(url, &self.settings, &self.entropy, access_token).ok(), true),
            (None, Some(url)) => match self.prove(url.clone(), Purpose::Introspection).await {
                Ok(ready) => {
                    let request = requests::introspection_request(&self.settings, &ready, access_token);
                    (self.worded(request, &ready).ok(), false)
                }
                Err(why) => return Standing::TryLater(why),
            },
            (None, None) => return Standing::Untold,
        };
        let Some(request) = request else {
            return Standing::TryLater(Passing::definite("the request cannot be built"));
        };
        match self.client.send(request).await {
            Ok(answer) if by_its_owner => by_userinfo(&answer, dead, self.clock.now()),
            Ok(answer) => by_introspection(&answer, self.clock.now()),
            Err(why) => {
                self.metadata.doubt();
                Standing::TryLater(why)
            }
        }
    }
}
