//! The demo: a booking system with its people, groups, flags and some days of history, made by the ordinary operations
//! with a clock that is set. Running it again changes nothing.

mod exposures;
mod flags;
mod groups;
mod people;
mod plans;
mod rollouts;

use engine::{Attributes, EnvironmentKey, FlagKey, GroupKey, Rollout, SubjectKey};

use crate::{
    Administrator, Clock, Invalid, Principal, RecentAdministrator, RequestOrigin, Role, Store, StoreError,
    UserId,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::args,
    signed,
};

/// The password of every demo account; `fader seed demo` prints it.
pub const DEMO_PASSWORD: &str = "fast-payment-demo";

/// Days of history before the day of seeding.
const HISTORY_DAYS: i64 = 6;

/// The known people of the demo and their traits, for whoever plays them.
pub fn demo_people() -> Vec<(SubjectKey, Attributes)> {
    people::known()
}

/// Somebody of the demo who can sign in with [`DEMO_PASSWORD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoAccount {
    pub email: &'static str,
    pub name: &'static str,
    pub role: Role,
}

pub const DEMO_ACCOUNTS: [DemoAccount; 5] = [
    DemoAccount { email: "admin@demo.fader.test", name: "Ines Adler", role: Role::Admin },
    DemoAccount { email: "product@demo.fader.test", name: "Paula Brandt", role: Role::Product },
    DemoAccount { email: "qa@demo.fader.test", name: "Quentin Osei", role: Role::Qa },
    DemoAccount { email: "support@demo.fader.test", name: "Sofia Reyes", role: Role::Support },
    DemoAccount { email: "viewer@demo.fader.test", name: "Viktor Hahn", role: Role::Viewer },
];

/// Who can sign in to the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAccounts {
    pub accounts: Vec<DemoAccount>,
    pub password: &'static str,
    /// False when the demo was there already.
    pub created: bool,
}

impl Store {
    /// Fills the workspace with the demo, once. Refused where members of its own could sign in beside the demo's accounts,
    /// whose password everybody knows; what an interrupted run left is taken up again.
    pub async fn seed_demo(&self, by: &RecentAdministrator) -> Result<DemoAccounts, StoreError> {
        let sql = "SELECT demo_seeded_ms FROM workspace WHERE id = 1";
        let (seeded_ms,): (Option<i64>,) = self.db().one(sql, args![]).await?;
        let created = seeded_ms.is_none();
        if created {
            self.check_only_demo_members().await?;
            let stage = Stage::new(self, by).await?;
            stage.play().await?;
            let now_ms = self.clock().now_ms();
            let sql = "UPDATE workspace SET demo_seeded_ms = $1 WHERE id = 1";
            self.db().execute(sql, args![now_ms]).await?;
        }
        Ok(DemoAccounts { accounts: DEMO_ACCOUNTS.to_vec(), password: DEMO_PASSWORD, created })
    }

    async fn check_only_demo_members(&self) -> Result<(), StoreError> {
        let members: Vec<(String,)> = self
            .db()
            .all(
                "SELECT lower(email) FROM users ORDER BY id LIMIT $1",
                args![signed(DEMO_ACCOUNTS.len() as u64 + 1)],
            )
            .await?;
        let is_demo = |email: &str| DEMO_ACCOUNTS.iter().any(|account| account.email == email);
        if members.iter().all(|(email,)| is_demo(email)) {
            Ok(())
        } else {
            Err(Invalid::DemoAmongMembers.into())
        }
    }
}

/// The store at a time that can be set, and the people who act.
struct Stage {
    store: Store,
    now_ms: i64,
    admin: Administrator,
    product: Principal,
    qa: Principal,
    support: Principal,
}

impl Stage {
    async fn new(store: &Store, by: &RecentAdministrator) -> Result<Self, StoreError> {
        let now_ms = store.clock().now_ms();
        let store = store.at(Clock::manual(now_ms));
        let mut stage = Self {
            admin: by.administrator()?,
            product: by.principal().clone(),
            qa: by.principal().clone(),
            support: by.principal().clone(),
            store,
            now_ms,
        };
        stage.set_time(0, 8, 30);
        let mut members = Vec::with_capacity(DEMO_ACCOUNTS.len());
        for account in DEMO_ACCOUNTS {
            members.push(stage.member(by, account).await?);
        }
        let [admin, product, qa, support, ..] = members.as_slice() else {
            return Ok(stage);
        };
        stage.admin = admin.administrator()?;
        (stage.product, stage.qa, stage.support) = (product.clone(), qa.clone(), support.clone());
        Ok(stage)
    }

    /// The member, added if need be. What they do next carries a place and no request.
    async fn member(&self, by: &RecentAdministrator, account: DemoAccount) -> Result<Principal, StoreError> {
        let DemoAccount { email, name, role } = account;
        let id = match self.store.add_user(by, email, name, role, DEMO_PASSWORD).await {
            Ok(id) => id,
            Err(StoreError::AlreadyExists { .. }) => {
                let sql = "SELECT id FROM users WHERE lower(email) = $1";
                UserId::new(self.store.db().one::<(i64,)>(sql, args![email]).await?.0)
            }
            Err(error) => return Err(error),
        };
        let origin = RequestOrigin::at("192.0.2.10");
        let who = (id, name.to_owned(), email.to_owned());
        Ok(Principal::new(who, role, &self.store.live().roles(), origin))
    }

    async fn play(&self) -> Result<(), StoreError> {
        self.set_time(0, 9, 0);
        self.put_attributes().await?;
        self.store.put_people(&self.admin, people::known()).await?;
        self.create_groups().await?;
        self.create_flags().await?;
        self.roll_out().await?;
        self.save_personas().await
    }

    /// `day` counts from the first day of the history.
    fn set_time(&self, day: i64, hour: i64, minute: i64) {
        let midnight = self.now_ms - self.now_ms.rem_euclid(DAY_MS) - HISTORY_DAYS * DAY_MS;
        self.move_to(midnight + day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS);
    }

    fn move_to(&self, at_ms: i64) {
        self.store.clock().advance(at_ms - self.store.clock().now_ms());
    }

    /// Changes one rollout as `by` would, from whatever it is now.
    async fn change(
        &self,
        by: &Principal,
        (environment, flag): (&str, &str),
        change: impl FnOnce(&mut Rollout),
        comment: &str,
    ) -> Result<(), StoreError> {
        let (environment, flag) = (environment_key(environment), flag_key(flag));
        let found = self.store.find_rollout(&by.viewer(), &environment, &flag).await?;
        let Some(found) = found else { return Ok(()) };
        let mut rollout = found.value;
        change(&mut rollout);
        self.store
            .save_rollout(&by.flag_editor()?, &environment, &flag, found.version, rollout, comment)
            .await?;
        self.store.clock().advance(2 * MINUTE_MS);
        Ok(())
    }
}

/// An interrupted run is taken up again: what is there already is left as it is.
fn unless_there<T>(result: Result<T, StoreError>) -> Result<(), StoreError> {
    match result {
        Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

macro_rules! literal_keys {
    ($($name:ident: $key:ty),+ $(,)?) => {
        $(fn $name(text: &str) -> $key {
            <$key>::parse(text).unwrap_or_else(|_| unreachable!("a literal key"))
        })+
    };
}

literal_keys! {
    environment_key: EnvironmentKey,
    flag_key: FlagKey,
    group_key: GroupKey,
    subject_key: SubjectKey,
}
