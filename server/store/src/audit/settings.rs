//! Rows without documents that decide all the same: what an environment is, and how long it keeps what it was told.

/// Environments whose row is not the one that the schema began with: nothing changes them yet.
pub(super) const ENVIRONMENTS: &str = "SELECT live.key, '' AS environment FROM environments AS live \
     WHERE NOT ((live.key = 'production' AND live.name = 'Production' AND live.position = 0 AND live.protected) \
         OR (live.key = 'staging' AND live.name = 'Staging' AND live.position = 1 AND NOT live.protected)) \
     UNION ALL \
     SELECT known.key, '' FROM (SELECT 'production' AS key UNION ALL SELECT 'staging') AS known \
     WHERE NOT EXISTS (SELECT 1 FROM environments AS live WHERE live.key = known.key) \
     ORDER BY 1 LIMIT 1";

/// Environments whose row of `$table` is not `{"$noun":days}` of the last entry about it, or is gone.
macro_rules! kept {
    ($table:literal, $noun:literal) => {
        concat!(
            "SELECT place.key, '' AS environment FROM environments AS place \
             LEFT JOIN ",
            $table,
            " AS live ON live.environment = place.key \
             WHERE COALESCE('{\"",
            $noun,
            "\":' || live.days || '}', '') <> COALESCE((SELECT entry.document_after FROM audit AS entry \
                 WHERE entry.object_kind = 'environment' AND entry.object_key = place.key \
                     AND entry.action = 'retention_changed' AND entry.document_after LIKE '{\"",
            $noun,
            "\":%' \
                 ORDER BY entry.seq DESC LIMIT 1), '') \
             ORDER BY 1 LIMIT 1"
        )
    };
}

pub(super) const EXPOSURES_KEPT: &str = kept!("ledger_retention", "exposures");
pub(super) const FEEDBACK_KEPT: &str = kept!("feedback_retention", "feedback");
