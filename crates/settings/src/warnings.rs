//! What settings allow that an operator may not have meant to: told at the start, and by `fedlink check`.

use super::types::PartnerClient;
use super::types::{Provider, ProviderKind, Settings, UserinfoCall};
use domain::ids::{ClientId, ProviderId};
use domain::kin::{self, Entry};
use url::Url;

/// What the settings of a partner's client allow.
#[derive(Debug)]
pub struct Warning<'s> {
    /// The partner.
    pub partner: &'s str,
    /// Its client.
    pub client: &'s ClientId,
    /// What it is, and what to set.
    pub words: String,
}

/// What the settings of a provider allow.
#[derive(Debug)]
pub struct ProviderWarning<'s> {
    /// The provider.
    pub provider: &'s ProviderId,
    /// What it is, and what to set.
    pub words: &'static str,
}

impl Settings {
    /// What is to be known of partners' clients.
    pub fn partner_warnings(&self) -> Vec<Warning<'_>> {
        let clients = self.partners.iter().flat_map(|(partner, settings)| {
            settings.clients.iter().map(move |(client, settings)| (partner.as_str(), client, settings))
        });
        clients
            .flat_map(|(partner, client, settings)| {
                let told = [any_audience(settings), unsaid(settings)];
                told.into_iter().flatten().map(move |words| Warning { partner, client, words })
            })
            .collect()
    }

    /// What is to be known of providers.
    pub fn provider_warnings(&self) -> impl Iterator<Item = ProviderWarning<'_>> {
        self.providers.values().flat_map(|provider| {
            let words = [
                is_unbound(provider).then_some(UNBOUND_CODES),
                shows_tokens(provider).then_some(TOKENS_IN_ADDRESSES),
                is_of_a_bot(provider).then_some(TOKENS_OF_A_BOT),
            ];
            words.into_iter().flatten().map(|words| ProviderWarning { provider: &provider.id, words })
        })
    }

    /// Where the grants of each provider's entry come from, as far as the settings say.
    pub fn grant_sources(&self) -> impl Iterator<Item = Entry<ProviderId>> + '_ {
        self.providers.values().map(|provider| Entry {
            id: provider.id.clone(),
            client_id: provider.client_id.clone(),
            issuer: provider.issuer.clone(),
            token_endpoint: provider.endpoints.token.as_ref().map(ToString::to_string),
            sid: provider.sid.clone(),
        })
    }

    /// Entries whose tokens are not revoked, though they should be, since they share their grants and don't agree on what to
    /// call an account; as far as the settings alone can tell.
    pub fn entries_at_odds(&self) -> Vec<Vec<ProviderId>> {
        self.revoking(kin::at_odds(&self.grant_sources().collect::<Vec<_>>()))
    }

    /// Those groups of which any entry is to revoke.
    pub fn revoking(&self, mut groups: Vec<Vec<ProviderId>>) -> Vec<Vec<ProviderId>> {
        let revokes = |id: &ProviderId| self.providers.get(id).is_some_and(|provider| provider.revoke);
        groups.retain(|group| self.tokens.refresh && group.iter().any(revokes));
        groups
    }
}

/// What is to be known of a provider whose codes are bound to no request (RFC 9700 §2.1.1).
const UNBOUND_CODES: &str = "neither PKCE nor a nonce binds a code to the request it answers: whoever steals somebody's code can link \
                                          that account to their own user. Only state protects a bind; set pkce = true as soon as the provider takes it";

/// What is to be known where userinfo takes the access token in its address.
const TOKENS_IN_ADDRESSES: &str = "userinfo is asked with the access token in its address (userinfo_call = \"query\"): whoever is on the way may \
                                   write it down. Set another userinfo_call as soon as the provider takes it";

/// What is to be known of Slack's tokens for users (docs.slack.dev/authentication/installing-with-oauth).
const TOKENS_OF_A_BOT: &str = "what oauth.v2.access answers at its top is a bot's token, which is not the user's: set \
                               token_path = \"authed_user\", and sid = \"{team.id}.{authed_user.id}\"";

fn is_unbound(provider: &Provider) -> bool {
    !provider.pkce && (provider.kind == ProviderKind::OAuth2 || !provider.nonce)
}

fn shows_tokens(provider: &Provider) -> bool {
    provider.asking.userinfo_call == UserinfoCall::Query
}

fn is_of_a_bot(provider: &Provider) -> bool {
    let is_slacks = |url: &Url| url.host_str() == Some("slack.com") && url.path() == "/api/oauth.v2.access";
    provider.token_path.is_none() && provider.endpoints.token.as_ref().is_some_and(is_slacks)
}

/// What is to be known of entries that are at odds.
pub fn words_on_odds(entries: &[ProviderId]) -> String {
    let names: Vec<String> = entries.iter().map(ToString::to_string).collect();
    format!(
        "{} are one client of one provider and take an account's id from different claims, so nobody can tell whether a grant is \
         still needed, and none is revoked: give them the same sid, or say revoke = false",
        names.join(", ")
    )
}

/// A partner's other applications have its users' tokens as well: where nobody looks whom one was made for, any of them can
/// sign those users in here.
fn any_audience(client: &PartnerClient) -> Option<String> {
    let is_open = client.audience.is_none() && client.introspection.is_none();
    is_open.then(|| {
        "tokens that the partner made for any application sign in: set audience or introspection_url".to_owned()
    })
}

/// A partner that leaves the flag out where it doesn't know would open accounts by addresses that nobody has shown to be theirs.
fn unsaid(client: &PartnerClient) -> Option<String> {
    let believed = [("email_verified", client.trust.email), ("phone_verified", client.trust.phone)];
    let flags: Vec<&str> = believed.into_iter().filter(|(_, trusted)| *trusted).map(|(flag, _)| flag).collect();
    (client.fields.absent_means_verified && !flags.is_empty()).then(|| {
        format!(
            "an address opens the account that has it, also where the partner's userinfo leaves {} out: set \
             absent_means_verified = false, unless only what is verified is ever told",
            flags.join(" or ")
        )
    })
}
