//! An arm in a column, where '' stands for none.

use engine::{Arm, UnknownWord};

pub(crate) fn stored(arm: Option<Arm>) -> &'static str {
    arm.map_or("", Arm::as_str)
}

pub(crate) fn parse(column: &str) -> Result<Option<Arm>, UnknownWord> {
    if column.is_empty() { Ok(None) } else { Arm::parse(column).map(Some) }
}
