//! What is typed to enrol testers and to invite them: a list, pasted or from a file, and when it counts.

use engine::{DayEdge, SubjectKey};
use store::{EnrolmentChoice, EnrolmentList, NewTesterInvitation, RawLine};

use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, file::SentFile},
    ui::time,
    zone::typed::read_moment,
};

/// The form as typed.
#[derive(Debug, Clone, Default)]
pub struct TesterForm {
    /// Testers, or a table of them.
    pub list: String,
    /// What the file was that the list came from.
    pub file: Option<SentFile>,
    pub purpose: String,
    pub from: Moment,
    pub until: Moment,
    pub choice: EnrolmentChoice,
    /// The fingerprint of the report that was read before this was confirmed.
    pub seen: String,
}

/// A day and perhaps a time of day, in the zone of whoever typed them, as two fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    pub day: String,
    pub time: String,
}

impl Moment {
    /// From the fields `name` and `name_time`.
    pub fn from_fields(fields: &Fields, name: &str) -> Self {
        Self {
            day: fields.trimmed(name).to_owned(),
            time: fields.trimmed(&format!("{name}_time")).to_owned(),
        }
    }

    /// `2026-03-01 14:10`; empty when nothing is typed.
    pub fn text(&self) -> String {
        format!("{} {}", self.day, self.time).trim().to_owned()
    }

    /// Epoch ms; a day without a time counts to its end.
    pub fn end_ms(&self, field: &'static str) -> Result<Option<i64>, FormErrors> {
        match &*self.text() {
            "" => Ok(None),
            text => read_moment(text, DayEdge::End).map(Some).map_err(|it| FormErrors::field(field, it)),
        }
    }
}

impl TesterForm {
    /// A file counts before what was pasted.
    pub fn from_fields(fields: &Fields) -> Self {
        let file = fields.text("file");
        let list = if file.trim().is_empty() { fields.text("list") } else { file };
        let choice = EnrolmentChoice {
            with_excluded: fields.has("with_excluded"),
            with_unknown: fields.has("with_unknown"),
        };
        Self {
            list: list.to_owned(),
            file: fields.file("file").cloned(),
            purpose: fields.trimmed("purpose").to_owned(),
            from: Moment::from_fields(fields, "from"),
            until: Moment::from_fields(fields, "until"),
            choice,
            seen: fields.text("seen").to_owned(),
        }
    }

    /// The list with what the form says for all of it. Refuses a form that is wrong as a whole.
    pub fn list(&self, now_ms: i64) -> Result<EnrolmentList, FormErrors> {
        if let Some(Err(why)) = self.file.as_ref().map(|file| file.read) {
            return Err(FormErrors::field("file", why));
        }
        if self.purpose.chars().count() > store::limits::PURPOSE_CHARS_MAX {
            let max = store::limits::PURPOSE_CHARS_MAX;
            return Err(FormErrors::field("purpose", format!("Keep it to {max} characters.")));
        }
        let from_ms = match &*self.from.text() {
            "" => None,
            from => Some(read_moment(from, DayEdge::Start).map_err(|it| FormErrors::field("from", it))?),
        };
        let until_ms = self.until.end_ms("until")?;
        match (from_ms, until_ms) {
            (_, Some(until)) if until <= now_ms => {
                return Err(FormErrors::field("until", "Choose an end that is still to come."));
            }
            (Some(from), Some(until)) if until <= from => {
                return Err(FormErrors::field("until", "The end is before the beginning."));
            }
            _ => {}
        }
        // A list tells moments in UTC, where a line has some of its own.
        let (from, until) =
            (from_ms.map(time::iso).unwrap_or_default(), until_ms.map(time::iso).unwrap_or_default());
        let otherwise = RawLine { subject: "", purpose: &self.purpose, from: &from, until: &until };
        let list = EnrolmentList::parse(&self.list, otherwise, now_ms);
        // What stood in a file stands in the list now.
        if let Some(why) = &list.refused {
            return Err(FormErrors::field("list", why));
        }
        if list.is_empty() {
            let field = if self.file.is_some() { "file" } else { "list" };
            return Err(FormErrors::field(
                field,
                "Enter at least one tester, or choose a file that names some.",
            ));
        }
        Ok(list)
    }
}

/// An invitation as typed.
#[derive(Debug, Clone, Default)]
pub struct InvitationForm {
    pub purpose: String,
    pub capacity: String,
    pub closes: Moment,
    pub until: Moment,
}

impl InvitationForm {
    pub fn from_fields(fields: &Fields) -> Self {
        Self {
            purpose: fields.trimmed("invite_purpose").to_owned(),
            capacity: fields.trimmed("capacity").to_owned(),
            closes: Moment::from_fields(fields, "closes"),
            until: Moment::from_fields(fields, "invite_until"),
        }
    }

    pub fn parse(&self) -> Result<NewTesterInvitation, FormErrors> {
        let capacity =
            self.capacity.parse().map_err(|_| FormErrors::field("capacity", "Enter a whole number."))?;
        let closes_ms = self.closes.end_ms("closes")?;
        let closes_ms =
            closes_ms.ok_or_else(|| FormErrors::field("closes", "Say until when it can be accepted."))?;
        let until_ms = self.until.end_ms("invite_until")?;
        Ok(NewTesterInvitation { purpose: self.purpose.clone(), capacity, closes_ms, until_ms })
    }
}

/// The testers that were ticked.
pub fn chosen(fields: &Fields) -> Result<Vec<SubjectKey>, AppError> {
    fields.all("subject").map(|text| SubjectKey::parse(text).map_err(|_| AppError::BadForm)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn form(body: &str) -> TesterForm {
        TesterForm::from_fields(&Fields::parse(body.as_bytes()).expect("fields"))
    }

    fn refused_at(body: &str) -> String {
        form(body).list(NOW).expect_err("refused").fields.remove(0).field
    }

    #[test]
    fn a_file_counts_before_what_was_pasted() {
        assert_eq!(form("list=ada&file=").list(NOW).expect("a list").lines[0].subject.as_str(), "ada");
        assert_eq!(form("list=ada&file=bob").list(NOW).expect("a list").lines[0].subject.as_str(), "bob");
    }

    #[test]
    fn a_day_may_have_a_time() {
        let list = form("list=ada&until=2030-01-01&until_time=14:10").list(NOW).expect("a list");
        assert_eq!(list.lines[0].until_ms, Some(1_893_507_000_000));
    }

    #[test]
    fn what_is_wrong_with_the_form_stands_beside_its_field() {
        assert_eq!(refused_at("list=+%0A"), "list");
        assert_eq!(refused_at("list=ada&until=2020-01-01"), "until");
        assert_eq!(refused_at("list=ada&from=soon"), "from");
        assert_eq!(refused_at("list=ada&from=2031-01-01&until=2030-01-01"), "until");
        assert_eq!(refused_at(&format!("list=ada&purpose={}", "x".repeat(201))), "purpose");
    }

    #[test]
    fn an_invitation_needs_a_capacity_and_an_end() {
        let form = |body: &str| InvitationForm::from_fields(&Fields::parse(body.as_bytes()).expect("fields"));
        assert_eq!(form("capacity=x").parse().expect_err("refused").fields[0].field, "capacity");
        assert_eq!(form("capacity=5").parse().expect_err("refused").fields[0].field, "closes");
        let parsed = form("capacity=5&closes=2030-01-01&invite_purpose=+a+").parse().expect("an invitation");
        assert_eq!((parsed.capacity, parsed.purpose.as_str(), parsed.until_ms), (5, "a", None));
    }
}
