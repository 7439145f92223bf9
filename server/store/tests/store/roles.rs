use store::{Operation, Role};

use crate::harness::*;

on_both!(a_signed_in_member_has_the_proofs_of_their_role);

/// The table of the product: role, edit, stop, enrol, look up people, handle feedback, approve, read the log, administer.
const TABLE: [(Role, [bool; 8]); 5] = [
    (Role::Admin, [true, true, true, true, true, true, true, true]),
    (Role::Product, [true, true, true, true, true, true, true, false]),
    (Role::Qa, [false, true, true, true, true, false, true, false]),
    (Role::Support, [false, true, false, true, true, false, true, false]),
    (Role::Viewer, [false, false, false, false, false, false, false, false]),
];

async fn a_signed_in_member_has_the_proofs_of_their_role(t: Harness) {
    for (role, expected) in TABLE {
        let principal = t.member(role).await;
        let proofs = [
            principal.flag_editor().is_ok(),
            principal.stopper().is_ok(),
            principal.enroller().is_ok(),
            principal.people_reader().is_ok(),
            principal.feedback_handler().is_ok(),
            principal.approver().is_ok(),
            principal.audit_reader().is_ok(),
            principal.administrator().is_ok(),
        ];
        assert_eq!(proofs, expected, "{role}");
        let may = Operation::ALL.map(|operation| principal.may(operation));
        assert_eq!(may[1..], expected, "{role}: controls follow the same table");
        assert_eq!(
            principal.people_writer().is_ok(),
            principal.administrator().is_ok(),
            "{role} stores people"
        );
        assert!(may[0], "everybody signed in may look");
    }
}
