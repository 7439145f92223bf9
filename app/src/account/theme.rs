//! Remembering light or dark in a cookie.

use http::header;

use crate::{
    cookies,
    form::fields::Fields,
    page::{PageResult, Visit, theme::Theme},
};

pub async fn post(visit: Visit, fields: Fields) -> PageResult {
    let theme = Theme::or_system(fields.text("theme"));
    let mut response = visit.go(fields.text("back"));
    response
        .headers_mut()
        .append(header::SET_COOKIE, cookies::remember_theme(theme.as_str(), &visit.state.site));
    Ok(response)
}
