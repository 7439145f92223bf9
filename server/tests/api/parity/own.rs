//! Operations of the store that have no operation of REST, and why.

/// Those that are the pages' or the command line's own, each with the reason.
pub const OWN: &[(&str, &str)] = &[
    ("Store::add_user", "The command line adds members with a password, and programs invite them."),
    ("Store::change_password", "A password is typed by whom it belongs to."),
    ("Store::find_plan", "The operation of REST asks for the plan together with its outlook."),
    ("Store::find_rollout", "The operation of REST asks for the rollout together with its revision."),
    ("Store::find_tester", "It reads what somebody typed in place of a key, and programs search people."),
    ("Store::list_actors", "It fills the choices of a filter on a page, and programs name who they mean."),
    ("Store::list_sessions", "A session is a browser's, and a program has none."),
    ("Store::plan_outlook", "It saves a page that has the plan already from reading it again."),
    (
        "Store::prove_password",
        "A password is typed by whom it belongs to, and a token shows with every request who it is.",
    ),
    ("Store::revoke_other_sessions", "A session is a browser's, and a program has none."),
    ("Store::revoke_session", "A session is a browser's, and a program has none."),
    ("Store::seed_demo", "The demo is put into an empty installation by its command line."),
    ("Store::set_time_zone", "A zone is how somebody reads times, and programs read them in UTC."),
    ("Store::snapshot_as_of", "It is a part of what is answered of a person at a moment."),
    ("Store::suggest_people", "It completes what somebody types, and programs search people."),
    (
        "Store::tokens_that_expire_soon",
        "It is a number beside a link, and the list of tokens says of each when it ends.",
    ),
    ("Store::traits_as_of", "It is a part of what is answered of a person at a moment."),
    ("Store::whom_to_ask", "It names on a page whom to ask for what was refused."),
];

/// Those that are still to come. Nothing is added here: whoever adds an operation to the store adds one to REST.
pub const NOT_YET: &[&str] = &[
    "Census::conditions",
    "Census::desk",
    "Census::groups",
    "Store::cells",
    "Store::desk",
    "Store::errors_by_minute",
    "Store::excluded_testers",
    "Store::export_exposures",
    "Store::exposure_counts",
    "Store::exposures_around",
    "Store::exposures_by_minute",
    "Store::exposures_of",
    "Store::feedback_counts",
    "Store::feedback_summary",
    "Store::feedback_trend",
    "Store::find_incident",
    "Store::find_roles_version",
    "Store::flags_heard_of",
    "Store::last_served",
    "Store::latest_incident",
    "Store::list_approvals",
    "Store::list_flag_health",
    "Store::list_omitted",
    "Store::list_own_guardrails",
    "Store::seen_by_subjects",
    "Store::signals_of_flag",
    "Store::untriaged",
    "Store::unverified_events",
    "Store::unverified_outcomes",
    "Store::waiting",
];

/// Operations of REST that are no reads and write nothing, each with the reason.
pub const WITHOUT_A_WORD: &[(&str, &str)] = &[(
    "POST /api/v1/group-previews",
    "It counts, and takes a body because a condition has no place in an address.",
)];
