//! The one way to an HTTP client. Its cryptography is ring's: the library's own choice is a C library that takes
//! longer to build than everything else that TLS needs.

/// A client with TLS for `https://` addresses; the certificates to trust are the machine's.
pub fn client() -> reqwest::ClientBuilder {
    // Once per process; a second time says that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
