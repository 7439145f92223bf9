//! What a message says once it is sent: the store, which wrote it, does not know where browsers find the site.

use app::site::Site;
use store::INCIDENT;

/// The body with the whole address of the incident that it tells of.
pub(super) fn whole(body: &str, site: &Site) -> String {
    let message = serde_json::from_str::<serde_json::Value>(body).ok();
    let path = message.as_ref().and_then(|it| it.get(INCIDENT)?.as_str());
    let address = path.map(|path| site.absolute(path));
    match (message, address) {
        (Some(mut message), Some(address)) => {
            message[INCIDENT] = address.into();
            message.to_string()
        }
        _ => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_the_whole_address_of_an_incident() {
        let site = Site::new("https://tools.example", "/fader", true);
        let told = whole(r#"{"incident":"/flags/pay/incidents/7?env=production","seq":7}"#, &site);
        let address = "https://tools.example/fader/flags/pay/incidents/7?env=production";
        assert_eq!(told, format!(r#"{{"incident":"{address}","seq":7}}"#));
        assert_eq!(whole(r#"{"b":1, "a":2}"#, &site), r#"{"b":1, "a":2}"#, "others stay as they are");
    }
}
