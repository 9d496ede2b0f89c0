//! Whether the provider still takes an access token that somebody was refused with.

use secrecy::SecretString;

use super::Provider;
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
        let (request, judge): (_, fn(&_, _) -> _) = match (&found.userinfo, &found.introspection) {
            (Some(url), _) => (userinfo::request(url, &self.settings, access_token).ok(), by_userinfo),
            (None, Some(url)) => match self.prove(url.clone()) {
                Ok(proof) => {
                    (requests::introspection_request(&self.settings, &proof, access_token).ok(), by_introspection)
                }
                Err(why) => return Standing::TryLater(why),
            },
            (None, None) => return Standing::Untold,
        };
        let Some(request) = request else {
            return Standing::TryLater(Passing::definite("the request cannot be built"));
        };
        match self.client.send(request).await {
            Ok(answer) => judge(&answer, self.clock.now()),
            Err(why) => {
                self.metadata.doubt();
                Standing::TryLater(why)
            }
        }
    }
}
