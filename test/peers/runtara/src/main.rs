//! A program on the published SDKs, for tests. It obeys one JSON array a line and answers one JSON value a line.
//! `peer manage` speaks to the environment; without arguments it is an instance, whose lines come from stdin, or, where
//! stdin has none, from the `steps` of its input.
mod instance;
mod manage;

use serde_json::{json, Value};

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("manage") => manage::run(),
        _ => instance::run(),
    }
}

/// Bytes in answers: text where they are UTF-8, else base64.
pub fn shown(bytes: &[u8]) -> Value {
    use base64::Engine;
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": base64::engine::general_purpose::STANDARD.encode(bytes) }),
    }
}

pub fn text(call: &Value, at: usize) -> String {
    call[at].as_str().unwrap_or_default().to_string()
}

pub fn outcome<E: std::fmt::Display>(result: Result<Value, E>) -> Value {
    result.unwrap_or_else(|error| json!({ "failed": error.to_string() }))
}
