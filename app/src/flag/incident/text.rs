//! A card as plain text, for a message or a ticket.

use super::card::Card;

pub fn text(card: &Card, address: &str) -> String {
    let mut lines = vec![card.title.clone(), String::new()];
    for (label, sentences) in &card.facts {
        lines.push(format!("{label}: {}", sentences.join(" ")));
    }
    for (audience, before, after) in &card.undone {
        lines.push(format!("{audience}: {before} before, {after} after"));
    }
    for chart in &card.charts {
        lines.push(String::new());
        lines.push(format!("{}:", chart.caption));
        lines.extend(chart.told_lines());
    }
    lines.extend(card.without_chart.map(str::to_owned));
    lines.push(String::new());
    lines.push(address.to_owned());
    lines.join("\n")
}
