//! Fields that are never written into a page again.

/// Beside everything that has a password in its name.
const SECRETS: [&str; 4] = ["old", "code", "token", "secret"];

/// Whether a field holds a secret, by its name.
pub fn is_secret(name: &str) -> bool {
    name.contains("password") || SECRETS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_holds_the_letters_is_no_secret() {
        for name in ["password", "fader_password_again", "old", "code"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["step.0.hold", "threshold", "trait.postal_code", "list"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
