//! Who is asking. The answer comes from a cookie that this server signed, never from a form field or a body:
//! whoever pays, and whom Fader is asked about, is the customer who signed in.

use std::fmt::Write;

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, InvalidHeaderValue},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::customers::{Customer, find_customer};

const COOKIE_NAME: &str = "passerelle_customer";

/// Seals and opens the identity cookie. The key lives as long as the process: a restart signs everybody out.
pub struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self { mac: Hmac::new(&key.into()) })
    }

    /// The customer who sent these headers, when the cookie is there and its signature holds.
    pub fn find_customer(&self, headers: &HeaderMap) -> Option<&'static Customer> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == COOKIE_NAME)
            .find_map(|(_, value)| self.open(value))
    }

    /// The `Set-Cookie` that signs this customer in.
    pub fn sign_in_cookie(&self, customer: &Customer) -> Result<HeaderValue, InvalidHeaderValue> {
        let seal = hex(&self.mac_of(customer.id).finalize().into_bytes());
        HeaderValue::from_str(&format!(
            "{COOKIE_NAME}={}.{seal}; Path=/; HttpOnly; SameSite=Lax",
            customer.id
        ))
    }

    fn open(&self, value: &str) -> Option<&'static Customer> {
        let (id, seal) = value.rsplit_once('.')?;
        self.mac_of(id).verify_slice(&unhex(seal)?).ok()?;
        find_customer(id)
    }

    fn mac_of(&self, id: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(id.as_bytes());
        mac
    }
}

/// The `Set-Cookie` that signs out.
pub fn sign_out_cookie() -> HeaderValue {
    HeaderValue::from_static("passerelle_customer=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::CUSTOMERS;

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).expect("a header"))])
    }

    fn sealed(signer: &Signer) -> String {
        let cookie = signer.sign_in_cookie(&CUSTOMERS[0]).expect("a cookie");
        cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned()
    }

    #[test]
    fn what_was_sealed_opens_also_among_other_cookies() {
        let signer = Signer::random().expect("a key");
        let cookie = format!("fader_session=x; {}", sealed(&signer));
        assert_eq!(signer.find_customer(&headers(&cookie)).map(|found| found.id), Some(CUSTOMERS[0].id));
    }

    #[test]
    fn another_name_under_the_same_seal_is_nobody() {
        let signer = Signer::random().expect("a key");
        let forged = sealed(&signer).replace(CUSTOMERS[0].id, CUSTOMERS[1].id);
        assert!(signer.find_customer(&headers(&forged)).is_none());
    }

    #[test]
    fn a_seal_of_another_server_or_no_seal_is_nobody() {
        let signer = Signer::random().expect("a key");
        let other = Signer::random().expect("a key");
        assert!(signer.find_customer(&headers(&sealed(&other))).is_none());
        for cookie in ["passerelle_customer=", "passerelle_customer=.", "passerelle_customer=é.zz", "x=y"] {
            let Ok(value) = HeaderValue::from_bytes(cookie.as_bytes()) else { continue };
            assert!(signer.find_customer(&HeaderMap::from_iter([(COOKIE, value)])).is_none(), "{cookie}");
        }
        let bare = format!("passerelle_customer={}", CUSTOMERS[0].id);
        assert!(signer.find_customer(&headers(&bare)).is_none());
    }
}
