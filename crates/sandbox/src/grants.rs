//! What was granted: codes that work once, access tokens that expire, refresh tokens in families.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::peculiar::{Rotation, Settings};

/// How long a code can be redeemed (RFC 6749 §4.1.2 allows ten minutes at most).
pub(super) const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(1);

/// What somebody consented to.
#[derive(Debug, Clone)]
pub(super) struct Consent {
    pub(super) client_id: String,
    pub(super) sub: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) device_id: Option<String>,
    /// Whether a refresh token was asked for.
    pub(super) is_offline: bool,
    pub(super) at: DateTime<Utc>,
}

/// What the redeemer of a code must know.
#[derive(Debug, Clone)]
pub(super) struct CodeTerms {
    pub(super) redirect_uri: String,
    pub(super) code_challenge: Option<String>,
}

/// What a client offers for a code.
pub(super) struct Redemption<'call> {
    pub(super) code: &'call str,
    pub(super) client_id: &'call str,
    pub(super) redirect_uri: &'call str,
    pub(super) code_verifier: Option<&'call str>,
    pub(super) device_id: Option<&'call str>,
}

/// What a client offers for a refresh.
pub(super) struct Presented<'call> {
    pub(super) token: &'call str,
    pub(super) client_id: &'call str,
    pub(super) scope: Option<&'call str>,
    pub(super) device_id: Option<&'call str>,
}

/// All tokens that stem from one consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FamilyId(u64);

struct Code {
    consent: Consent,
    terms: CodeTerms,
    spent_by: Option<FamilyId>,
}

struct Family {
    consent: Consent,
    revoked: bool,
    access_expires_at: DateTime<Utc>,
}

struct Access {
    family: FamilyId,
    scope: String,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked: bool,
}

struct Refresh {
    family: FamilyId,
    spent_at: Option<DateTime<Utc>>,
}

/// A token that is good now, as introspection tells it.
pub(super) struct Active<'grants> {
    pub(super) consent: &'grants Consent,
    pub(super) scope: &'grants str,
    /// Issued and expiring, for access tokens only.
    pub(super) times: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Why nothing is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dead {
    /// The code is unknown, late, spent, another client's, or its terms are not met.
    Code(&'static str),
    /// The refresh token is unknown, spent, revoked, or another client's.
    Refresh(&'static str),
    /// More is asked for than was granted.
    Scope,
}

/// Every grant of this provider.
#[derive(Default)]
pub(super) struct Grants {
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    families: BTreeMap<FamilyId, Family>,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The keys of the maps are live secrets.
        f.debug_struct("Grants").field("families", &self.families.len()).finish_non_exhaustive()
    }
}

impl Grants {
    pub(super) fn add_code(&mut self, code: String, consent: Consent, terms: CodeTerms) {
        self.codes.insert(code, Code { consent, terms, spent_by: None });
    }

    /// Redeems a code. One that comes a second time revokes what it gave the first time (RFC 6749 §4.1.2).
    pub(super) fn redeem(&mut self, offer: &Redemption<'_>, now: DateTime<Utc>) -> Result<FamilyId, Dead> {
        let code = self.codes.get(offer.code).ok_or(Dead::Code("unknown code"))?;
        if code.consent.client_id != offer.client_id {
            return Err(Dead::Code("the code was issued to another client"));
        }
        if let Some(family) = code.spent_by {
            self.revoke_family(family);
            return Err(Dead::Code("the code was used before"));
        }
        if now >= code.consent.at + CODE_LIFETIME {
            return Err(Dead::Code("the code has expired"));
        }
        if code.terms.redirect_uri != offer.redirect_uri {
            return Err(Dead::Code("another redirect_uri"));
        }
        // RFC 7636 §4.6
        let hashed = offer.code_verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        if hashed != code.terms.code_challenge {
            return Err(Dead::Code("the code_verifier does not fit"));
        }
        if code.consent.device_id.as_deref() != offer.device_id {
            return Err(Dead::Code("another device_id"));
        }
        let consent = code.consent.clone();
        let family = self.open_family(consent);
        if let Some(code) = self.codes.get_mut(offer.code) {
            code.spent_by = Some(family);
        }
        Ok(family)
    }

    pub(super) fn open_family(&mut self, consent: Consent) -> FamilyId {
        let id = FamilyId(self.families.last_key_value().map_or(0, |(last, _)| last.0 + 1));
        let access_expires_at = consent.at;
        self.families.insert(id, Family { consent, revoked: false, access_expires_at });
        id
    }

    pub(super) fn consent(&self, family: FamilyId) -> Option<&Consent> {
        self.families.get(&family).map(|family| &family.consent)
    }

    /// Takes a refresh token for a new access token, spending it if it rotates. One that was spent before revokes its
    /// whole family (RFC 9700 §4.14.2), unless it comes within a grace window.
    pub(super) fn present(
        &mut self,
        offer: &Presented<'_>,
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> Result<FamilyId, Dead> {
        let refresh = self.refresh.get_mut(offer.token).ok_or(Dead::Refresh("unknown refresh token"))?;
        let id = refresh.family;
        let family = self.families.get(&id).ok_or(Dead::Refresh("unknown refresh token"))?;
        if family.consent.client_id != offer.client_id {
            return Err(Dead::Refresh("the refresh token was issued to another client"));
        }
        if family.revoked {
            return Err(Dead::Refresh("the grant was revoked"));
        }
        if family.consent.device_id.as_deref() != offer.device_id {
            return Err(Dead::Refresh("another device_id"));
        }
        if settings.refresh_dies_with_access && now >= family.access_expires_at {
            return Err(Dead::Refresh("the access token has expired, and the refresh token with it"));
        }
        let reused = match (refresh.spent_at, settings.rotation) {
            (None, _) => false,
            (Some(spent_at), Rotation::Grace(window)) => now - spent_at > delta(window),
            (Some(_), _) => true,
        };
        if reused {
            self.revoke_family(id);
            return Err(Dead::Refresh("the refresh token was used before"));
        }
        // RFC 6749 §6: no more than was granted. Judged here, so that a wrong scope spends nothing.
        let granted = |one| family.consent.scope.split(' ').any(|had| had == one);
        if !offer.scope.is_none_or(|scope| scope.split(' ').all(granted)) {
            return Err(Dead::Scope);
        }
        if matches!(settings.rotation, Rotation::Strict | Rotation::Grace(_)) {
            refresh.spent_at.get_or_insert(now);
        }
        if settings.refresh_ends_old_access {
            self.access.values_mut().filter(|access| access.family == id).for_each(|access| access.revoked = true);
        }
        Ok(id)
    }

    pub(super) fn add_access(&mut self, token: String, family: FamilyId, scope: &str, life: Range<DateTime<Utc>>) {
        let Range { start: issued_at, end: expires_at } = life;
        if let Some(family) = self.families.get_mut(&family) {
            family.access_expires_at = expires_at;
        }
        self.access.insert(token, Access { family, scope: scope.to_owned(), issued_at, expires_at, revoked: false });
    }

    pub(super) fn add_refresh(&mut self, token: String, family: FamilyId) {
        self.refresh.insert(token, Refresh { family, spent_at: None });
    }

    /// A good access token's grant.
    pub(super) fn access(&self, token: &str, now: DateTime<Utc>) -> Option<Active<'_>> {
        let access = self.access.get(token).filter(|access| !access.revoked && now < access.expires_at)?;
        let consent = self.living(access.family)?;
        Some(Active { consent, scope: &access.scope, times: Some((access.issued_at, access.expires_at)) })
    }

    /// A good access or refresh token's grant.
    pub(super) fn find(&self, token: &str, now: DateTime<Utc>) -> Option<Active<'_>> {
        self.access(token, now).or_else(|| {
            let refresh = self.refresh.get(token).filter(|refresh| refresh.spent_at.is_none())?;
            let consent = self.living(refresh.family)?;
            Some(Active { consent, scope: &consent.scope, times: None })
        })
    }

    pub(super) fn is_active(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.find(token, now).is_some()
    }

    /// Revokes a token if it is the client's (RFC 7009 §2.1): an access token alone, a refresh token with its family,
    /// or all that the user granted to the client where the provider does that.
    pub(super) fn revoke(&mut self, token: &str, client_id: &str, revokes_all_grants: bool) {
        let access = self.access.get(token).map(|access| access.family);
        let Some(id) = access.or_else(|| self.refresh.get(token).map(|refresh| refresh.family)) else { return };
        let Some(sub) = self.consent(id).filter(|c| c.client_id == client_id).map(|c| c.sub.clone()) else { return };
        if revokes_all_grants {
            self.families
                .values_mut()
                .filter(|family| family.consent.sub == sub && family.consent.client_id == client_id)
                .for_each(|family| family.revoked = true);
        } else if let Some(access) = self.access.get_mut(token) {
            access.revoked = true;
        } else {
            self.revoke_family(id);
        }
    }

    pub(super) fn revoked_families(&self) -> usize {
        self.families.values().filter(|family| family.revoked).count()
    }

    fn living(&self, family: FamilyId) -> Option<&Consent> {
        self.families.get(&family).filter(|family| !family.revoked).map(|family| &family.consent)
    }

    fn revoke_family(&mut self, family: FamilyId) {
        if let Some(family) = self.families.get_mut(&family) {
            family.revoked = true;
        }
    }
}

/// A span of time as chrono has it; one that is too long is as long as can be.
pub(super) fn delta(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}
