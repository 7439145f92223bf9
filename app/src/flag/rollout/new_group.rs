//! A pilot group that is made where it is needed: a small form inside a rule's audience. Making it saves the group, and
//! comes back to the rollout as it was typed, with the group chosen.

use engine::{GroupKey, counted};
use store::{EnrolmentChoice, EnrolmentList, RawLine};

use crate::{
    condition::form::ConditionForm,
    error::AppError,
    form::{
        error::{FieldError, FormErrors},
        fields::Fields,
    },
    group::{form::GroupForm, save::create},
    page::Page,
};

/// A group as it is typed inside a rule. Its fields are called `r.{id}.new.{field}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewGroup {
    pub name: String,
    pub condition: ConditionForm,
    /// Targeting keys, addresses or names, as in the list of testers.
    pub testers: String,
}

/// A group that was made just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub key: GroupKey,
    pub sentence: String,
}

impl NewGroup {
    /// `name` gives the name of a field of the rule.
    pub fn from_fields(name: &dyn Fn(&str) -> String, fields: &Fields) -> Option<Self> {
        let text = |field: &str| fields.trimmed(&name(field)).to_owned();
        let prefix = name("new.if");
        let pairs: Vec<_> = fields
            .iter()
            .filter(|(name, _)| name.starts_with(&*prefix))
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        fields.has(&name("new")).then(|| Self {
            name: text("new.name"),
            condition: ConditionForm::from_pairs(&pairs, &prefix),
            testers: text("new.testers"),
        })
    }

    /// Something of it would be lost if the page went on without it.
    pub fn holds_text(&self) -> bool {
        !self.name.is_empty() || !self.testers.is_empty() || self.condition.holds_text()
    }

    /// Saves the group, as the Groups page would, and enrols those of its testers who are known.
    pub async fn make(&self, page: &Page) -> Result<Made, FormErrors> {
        let list = self.list(page)?;
        let form =
            GroupForm { name: self.name.clone(), condition: self.condition.clone(), ..GroupForm::default() };
        let key = create(page, &form).await.map_err(|refused| refused.0.beside("new.name"))?;
        let sentence = match list {
            None if self.condition.parse().is_ok_and(|it| it.is_none()) => {
                format!("{} is saved. It is empty: it reaches nobody until you say who is in it.", self.name)
            }
            None => format!("{} is saved, and chosen.", self.name),
            Some(list) => self.enrol(page, &key, list).await?,
        };
        Ok(Made { key, sentence })
    }

    /// Who is to be enrolled; refused before anything is saved.
    fn list(&self, page: &Page) -> Result<Option<EnrolmentList>, FormErrors> {
        if self.testers.is_empty() {
            return Ok(None);
        }
        page.principal.enroller().map_err(|denied| FormErrors::from(denied).beside("new.testers"))?;
        let list = EnrolmentList::parse(&self.testers, RawLine::default(), page.now_ms());
        let wrong = list.malformed.first().map(|it| format!("line {}: {}", it.number, it.why));
        match list.refused.clone().or(wrong) {
            Some(why) => Err(FormErrors::field("new.testers", why)),
            None => Ok(Some(list)),
        }
    }

    async fn enrol(&self, page: &Page, key: &GroupKey, list: EnrolmentList) -> Result<String, FormErrors> {
        let enroller = page.principal.enroller()?;
        let list = match page.principal.people_reader() {
            Ok(reader) => page.store().find_listed(&reader, key, list).await?,
            Err(_) => list,
        };
        let choice = EnrolmentChoice { with_excluded: false, with_unknown: false };
        let group = page.store().find_group(&page.viewer(), key).await?;
        let group = group.ok_or(AppError::BadForm)?.value;
        let report = page.store().check_enrolments(&enroller, &group, &list).await?;
        page.store().enrol(&enroller, key, &list, choice, None, "").await?;
        let (enrolled, all) = (report.enrolled(choice).count(), report.enrolled(ALL).count());
        let left = match all - enrolled {
            0 => String::new(),
            left => format!(" {} not known: enrol them on the group’s page.", are(left)),
        };
        Ok(format!("{} is saved with {}.{left}", self.name, counted(enrolled, "tester")))
    }
}

/// Everybody on a list.
const ALL: EnrolmentChoice = EnrolmentChoice { with_excluded: true, with_unknown: true };

fn are(left: usize) -> String {
    format!("{} {}", counted(left, "other"), if left == 1 { "is" } else { "are" })
}

/// What is wrong with a new group, beside the fields of the rule that it is made in.
pub fn errors_in(name: &dyn Fn(&str) -> String, errors: FormErrors) -> Vec<FieldError> {
    let beside = |error: FieldError| {
        let field = match &*error.field {
            "name" | "key" => "new.name",
            other => other,
        };
        FieldError { field: name(field), ..error }
    };
    errors.fields.into_iter().map(beside).collect()
}
