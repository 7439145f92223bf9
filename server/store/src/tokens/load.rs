//! Every secret that may still come, in memory.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Token, TokenId, Uses,
    list::{Row, TokenRow, tokens},
};
use crate::{
    StoreError, TokenHash,
    db::{Tx, args},
};

/// Of the tokens that were not revoked, with the secrets that were replaced.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rows {
    tokens: Vec<Row>,
    replaced: Vec<ReplacedRow>,
}

#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
struct ReplacedRow {
    token_hash: String,
    token: i64,
    ends_ms: i64,
}

pub(crate) async fn rows(tx: &mut Tx) -> Result<Rows, StoreError> {
    let tokens = tx.all(tokens!("WHERE tokens.revoked_ms IS NULL"), args![]).await?;
    let replaced = tx.all("SELECT token_hash, token, ends_ms FROM replaced_secrets", args![]).await?;
    Ok(Rows { tokens, replaced })
}

/// The tokens of these rows; expired ones too, so that they are told why.
pub(crate) fn read(
    Rows { tokens: rows, replaced }: Rows,
    current: &HashMap<TokenHash, Arc<Token>>,
    report: &mut dyn FnMut(&str, &str),
) -> HashMap<TokenHash, Arc<Token>> {
    let uses: HashMap<TokenId, Arc<Uses>> =
        current.values().map(|token| (token.id, Arc::clone(&token.uses))).collect();
    let mut loaded = HashMap::with_capacity(rows.len() + replaced.len());
    let mut by_id = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = row.id.to_string();
        let hash = TokenHash::parse(&row.token_hash);
        if let (Some(hash), Ok(row)) = (hash, TokenRow::try_from(row)) {
            let token = Arc::new(token(row, &uses));
            by_id.insert(token.id, Arc::clone(&token));
            loaded.insert(hash, token);
        } else {
            report("tokens", &id);
        }
    }
    for row in replaced {
        let Some(token) = by_id.get(&TokenId(row.token)) else { continue };
        let Some(hash) = TokenHash::parse(&row.token_hash) else {
            report("replaced_secrets", &row.token_hash);
            continue;
        };
        loaded.insert(hash, Arc::new(Token { ends_ms: Some(row.ends_ms), ..Token::clone(token) }));
    }
    loaded
}

fn token(row: TokenRow, uses: &HashMap<TokenId, Arc<Uses>>) -> Token {
    let TokenRow { id, name, kind, scope, origins, writes_traits, owner, expires_ms, last_used_ms, .. } = row;
    let uses = uses.get(&id).cloned().unwrap_or_else(|| Arc::new(Uses::since(last_used_ms)));
    Token { id, name, kind, scope, origins, writes_traits, owner, expires_ms, ends_ms: None, uses }
}
