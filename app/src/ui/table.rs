//! A table of a page: it scrolls inside its box, and where there is little room each row stands as a card.

use leptos::prelude::*;

/// What stands above a column.
pub enum Column {
    Text(&'static str),
    /// Its cells are numbers, flush right.
    Number(&'static str),
    /// The head is read out only.
    Hidden(&'static str),
}

/// The children are the rows of the body.
#[component]
pub fn Table(
    columns: Vec<Column>,
    #[prop(optional)] class: &'static str,
    /// Beside the class of every box.
    #[prop(optional)]
    box_class: &'static str,
    #[prop(optional)] id: Option<&'static str>,
    /// The page fetches it anew when something changed.
    #[prop(optional)]
    live: bool,
    /// Read out only.
    #[prop(optional, into)]
    caption: Option<String>,
    children: Children,
) -> impl IntoView {
    let heads = columns.into_iter().map(head).collect_view();
    let caption = caption.map(|text| view! { <caption class="visually-hidden">{text}</caption> });
    view! {
        <div class=joined("table-wrap", box_class) id=id data-live=live.then_some("")>
            <table class=joined("table", class) data-stack="">
                {caption}
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

fn head(column: Column) -> AnyView {
    match column {
        Column::Text(text) => view! { <th scope="col">{text}</th> }.into_any(),
        Column::Number(text) => view! { <th scope="col" class="num">{text}</th> }.into_any(),
        Column::Hidden(text) => {
            view! { <th scope="col"><span class="visually-hidden">{text}</span></th> }.into_any()
        }
    }
}

fn joined(always: &str, more: &str) -> String {
    if more.is_empty() { always.to_owned() } else { format!("{always} {more}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_heads_and_a_body_even_without_rows() {
        let columns = vec![Column::Text("Flag"), Column::Number("People"), Column::Hidden("Actions")];
        let html = view! { <Table columns class="desk" caption="Flags">""</Table> }.to_html();
        assert!(html.contains("class=\"table desk\""), "{html}");
        assert!(html.contains("<th scope=\"col\" class=\"num\">People"), "{html}");
        assert!(
            html.contains("<span class=\"visually-hidden\">Actions<") && html.contains("<tbody>"),
            "{html}"
        );
    }
}
