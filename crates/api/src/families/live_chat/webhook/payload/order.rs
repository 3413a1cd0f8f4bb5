//! Goods that a customer asks for.

use super::card::that_fit;
use super::field::{items, number};
use super::text::{short, words};
use parlor_domain::message::MessageKind;
use parlor_domain::whatsapp::Incoming;
use serde_json::{Map, Value, json};

/// More than this nobody orders: it is left out of the sums.
const MOST: f64 = 1e9;

/// An order: how many items, and what they cost in each currency.
pub(super) fn order(order: &Map<String, Value>, metadata: &mut Map<String, Value>) -> Option<Incoming> {
    let lines: Vec<Line> = items(order, "product_items").iter().filter_map(Value::as_object).map(Line::read).collect();
    if lines.is_empty() {
        return None;
    }
    let wish = short(order.get("text"), 1_000);
    let mut text = sums(&lines);
    if let Some(wish) = &wish {
        text = format!("{text}\n{wish}");
    }
    let text = words(&text, metadata)?;
    let items = that_fit(lines.iter().map(Line::as_json), metadata);
    Some(Incoming::Structured {
        kind: MessageKind::Order,
        text,
        payload: Some(json!({"catalog_id": short(order.get("catalog_id"), 200), "items": items})),
    })
}

struct Line {
    article: Option<String>,
    quantity: f64,
    price: Option<f64>,
    currency: Option<String>,
}

impl Line {
    fn read(item: &Map<String, Value>) -> Self {
        let sane = |number: &f64| (0.0..=MOST).contains(number);
        Self {
            article: short(item.get("product_retailer_id"), 200),
            quantity: number(item.get("quantity")).filter(sane).unwrap_or(1.0),
            price: number(item.get("item_price")).filter(sane),
            currency: short(item.get("currency"), 10),
        }
    }

    fn as_json(&self) -> Value {
        let quantity = if self.quantity.fract() == 0.0 {
            // Within MOST, so nothing is lost.
            json!(self.quantity as i64)
        } else {
            json!(self.quantity)
        };
        json!({"product_retailer_id": self.article, "quantity": quantity, "item_price": self.price, "currency": self.currency})
    }
}

fn sums(lines: &[Line]) -> String {
    let quantity: f64 = lines.iter().map(|line| line.quantity).sum();
    let mut totals: Vec<(Option<&str>, f64)> = Vec::new();
    for line in lines {
        let Some(price) = line.price else { continue };
        let (currency, cost) = (line.currency.as_deref(), price * line.quantity);
        match totals.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, total)) => *total += cost,
            None => totals.push((currency, cost)),
        }
    }
    let items = if quantity == 1.0 { "item" } else { "items" };
    let mut text = format!("{quantity} {items}");
    for (currency, total) in totals {
        text += &format!(", {total:.2}");
        text.extend(currency.into_iter().flat_map(|currency| [" ", currency]));
    }
    text
}
