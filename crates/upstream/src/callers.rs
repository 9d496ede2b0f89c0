//! The clients that prove themselves by a JWT: where their keys are, and whether an assertion, or a workload's token, is theirs.

use std::sync::Arc;

use super::client::Client as HttpClient;
use super::jwks::Keys;
use super::jwt::Jwt;
use super::signing_keys::{SigningKeys, Source};
use chrono::{DateTime, Utc};
use domain::clock::SharedClock;
use domain::jwt::{Vouched, assertion, workload};
use domain::{Error, Result};
use settings::{Client, ClientKeys, Workload, WorkloadKeys};

/// How one client proves itself.
#[derive(Debug)]
pub(crate) struct CallerKeys {
    client: String,
    /// What assertions may be made for.
    audiences: Vec<String>,
    clock: SharedClock,
    own: Option<SigningKeys>,
    workload: Option<(Workload, SigningKeys)>,
}

impl CallerKeys {
    /// `None` if the client proves itself by secrets alone; an error if its key can't be read.
    pub(crate) fn new(
        client: &Client,
        audiences: Vec<String>,
        http: &HttpClient,
        clock: &SharedClock,
    ) -> Result<Option<Self>> {
        let keys = |source| SigningKeys::new(client.id.as_str(), source, http.clone(), clock);
        let own = match &client.keys {
            Some(ClientKeys::Pem(pem)) => {
                let read = Keys::of_pem(pem).ok_or_else(|| {
                    let what = "is no public key of ours: RSA, P-256 or Ed25519, as PEM";
                    Error::input(format!("clients ({}).public_key", client.id), what)
                })?;
                Some(keys(Source::Given(Arc::new(read))))
            }
            Some(ClientKeys::At(url)) => Some(keys(Source::At(url.clone()))),
            None => None,
        };
        let workload = client.workload.as_ref().map(|workload| {
            let source = match &workload.keys {
                WorkloadKeys::Discovered => Source::Discovered(workload.issuer.clone()),
                WorkloadKeys::At(url) => Source::At(url.clone()),
                WorkloadKeys::File(path) => Source::File(path.clone()),
            };
            (workload.clone(), keys(source))
        });
        if own.is_none() && workload.is_none() {
            return Ok(None);
        }
        let (client, clock) = (client.id.as_str().to_owned(), Arc::clone(clock));
        Ok(Some(Self { client, audiences, clock, own, workload }))
    }

    /// Goes by the keys that `before` has fetched, if they came from the same place.
    pub(crate) fn keep(&mut self, before: &Self) {
        if let (Some(own), Some(known)) = (&mut self.own, &before.own) {
            own.keep(known);
        }
        if let (Some((_, workload)), Some((_, known))) = (&mut self.workload, &before.workload) {
            workload.keep(known);
        }
    }

    /// Looks whether the keys that are elsewhere can be had; one line for people for each.
    pub(crate) async fn check(&self) -> Vec<std::result::Result<String, String>> {
        let mut told = Vec::new();
        for keys in self.own.iter().chain(self.workload.as_ref().map(|(_, keys)| keys)) {
            told.push(keys.check().await);
        }
        told
    }

    /// The id of this assertion, if the client made it for us and it is good now.
    pub(crate) async fn assertion(&self, token: &str) -> Result<String> {
        let keys = self.own.as_ref().ok_or(Error::Denied)?;
        let jwt = Jwt::parse(token).ok_or(Error::Denied)?;
        let typ = jwt.kind().map_err(|why| self.refuse(why))?;
        let id = assertion(jwt.said(), typ.as_deref(), &self.client, &self.audiences, self.clock.now());
        let id = id.map_err(|why| self.refuse(why))?.to_owned();
        self.prove(keys, &jwt).await.map(|()| id)
    }

    /// Until when this token proves the client's workload.
    pub(crate) async fn workload(&self, token: &str) -> Result<DateTime<Utc>> {
        let (settings, keys) = self.workload.as_ref().ok_or(Error::Denied)?;
        let jwt = Jwt::parse(token).ok_or(Error::Denied)?;
        let Workload { issuer, subject, audience, require, .. } = settings;
        let until = workload(jwt.said(), Vouched { issuer, subject, audience, require }, self.clock.now());
        let until = until.map_err(|why| self.refuse(why))?;
        self.prove(keys, &jwt).await.map(|()| until)
    }

    async fn prove(&self, keys: &SigningKeys, jwt: &Jwt<'_>) -> Result<()> {
        if jwt.is_nested() {
            return Err(self.refuse("it is no JWT of claims"));
        }
        match keys.flaw(jwt).await? {
            None => Ok(()),
            Some(why) => Err(self.refuse(why)),
        }
    }

    fn refuse(&self, reason: &'static str) -> Error {
        tracing::info!(client = self.client, reason, "a client's assertion is refused");
        Error::Denied
    }
}
