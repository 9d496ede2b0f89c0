//! Certificates made on the spot, so that none of the tests expires and no key lies in the repository.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// An authority that signs servers' certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one, which nobody trusts yet.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, CertificateParams::default())
    }

    /// The same, whose own certificate ends at this moment.
    pub(crate) fn until(name: &str, ends: DateTime<Utc>) -> Self {
        let mut params = CertificateParams::default();
        params.not_after = SystemTime::from(ends).into();
        Self::with(name, params)
    }

    fn with(name: &str, mut params: CertificateParams) -> Self {
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The certificate and the key of the server with this name, in PEM.
    pub(crate) fn certify(&self, name: &str) -> (String, String) {
        self.sign(&CertificateParams::new([name.to_owned()]).expect("a name"))
    }

    /// The same, of a certificate that ends at this moment.
    pub(crate) fn certify_until(&self, name: &str, ends: DateTime<Utc>) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = SystemTime::from(ends).into();
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}
