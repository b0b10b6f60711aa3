use crate::{outcome, shown, text};
use runtara_sdk::{CheckpointResult, RuntaraSdk, Signal, SignalType};
use serde_json::{json, Value};
use std::io::{BufRead, Write};
use std::time::Duration;

pub fn run() {
    let mut sdk = RuntaraSdk::from_env().expect("the environment of an instance");
    let mut has_lines = false;
    for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
        has_lines = true;
        let call: Value = serde_json::from_str(&line).expect("a line is JSON");
        println!("{}", obey(&mut sdk, &call));
        std::io::stdout().flush().ok();
    }
    if !has_lines {
        follow_input(sdk);
    }
}

/// An instance that narun has started: it registers, takes the steps of its input, and tells each to stderr.
fn follow_input(mut sdk: RuntaraSdk) {
    sdk.connect().expect("connects");
    sdk.register(None).expect("registers");
    let input = sdk.load_input().expect("loads its input").unwrap_or_default();
    let input: Value = serde_json::from_slice(&input).unwrap_or(Value::Null);
    for call in input["steps"].as_array().into_iter().flatten() {
        let answer = obey(&mut sdk, call);
        eprintln!("{} {}", call, answer);
        if answer["stops"] == true {
            return;
        }
    }
}

fn obey(sdk: &mut RuntaraSdk, call: &Value) -> Value {
    let done = |()| json!(true);
    match text(call, 0).as_str() {
        "connect" => outcome(sdk.connect().map(done)),
        "register" => outcome(sdk.register(call[1].as_str()).map(done)),
        "checkpoint" => outcome(sdk.checkpoint(&text(call, 1), &state_of(call)).map(|it| checkpointed(&it))),
        "get_checkpoint" => outcome(sdk.get_checkpoint(&text(call, 1)).map(|it| it.map_or(Value::Null, |state| shown(&state)))),
        "sleep" => {
            let slept = sdk.sleep(Duration::from_millis(call[2].as_u64().unwrap_or(0)), &text(call, 1), &state_of(&json!([0, 0, call[3]])));
            outcome(slept.map(done))
        }
        "load_input" => outcome(sdk.load_input().map(|it| it.map_or(Value::Null, |input| shown(&input)))),
        "completed" => outcome(sdk.completed(text(call, 1).as_bytes()).map(done)),
        "failed" => outcome(sdk.failed(&text(call, 1)).map(done)),
        "suspended" => outcome(sdk.suspended().map(done)),
        "heartbeat" => outcome(sdk.heartbeat().map(done)),
        "custom_event" => outcome(sdk.custom_event(&text(call, 1), text(call, 2).into_bytes()).map(done)),
        "poll_signal" => outcome(sdk.poll_signal_now().map(|it| it.as_ref().map_or(Value::Null, signalled))),
        "poll_custom_signal" => outcome(sdk.poll_custom_signal(&text(call, 1)).map(|it| it.map_or(Value::Null, |payload| shown(&payload)))),
        "acknowledge_signal" => outcome(sdk.acknowledge_signal(signal_type(&text(call, 1))).map(done)),
        "retry" => outcome(sdk.record_retry_attempt(&text(call, 1), call[2].as_u64().unwrap_or(1) as u32, call[3].as_str()).map(done)),
        "status" => outcome(sdk.get_status().map(|it| json!({ "found": it.found, "status": format!("{:?}", it.status), "checkpoint": it.checkpoint_id, "output": it.output.as_deref().map(shown), "error": it.error }))),
        "env" => json!(std::env::var(text(call, 1)).ok()),
        "say" => { eprintln!("{}", text(call, 1)); json!(true) }
        "exit" => std::process::exit(call[1].as_i64().unwrap_or(1) as i32),
        // The program goes on only where it runs for the first time: its file of marks is in the folder that its input names.
        "once" => match std::fs::OpenOptions::new().write(true).create_new(true).open(text(call, 1)) {
            Ok(_) => json!({ "first": true }),
            Err(_) => json!({ "first": false }),
        },
        "exit_once" => match std::fs::OpenOptions::new().write(true).create_new(true).open(text(call, 1)) {
            Ok(_) => std::process::exit(9),
            Err(_) => json!({ "first": false }),
        },
        "note" => {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(text(call, 1));
            outcome(file.and_then(|mut file| writeln!(file, "{}", text(call, 2))).map(done))
        }
        "wait_custom_signal" => loop {
            match sdk.poll_custom_signal(&text(call, 1)) {
                Ok(Some(payload)) => return shown(&payload),
                Err(error) => return json!({ "failed": error.to_string() }),
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            }
        },
        // Polls until it is told to pause or to cancel, and does as it is told.
        "obey_signals" => loop {
            match sdk.poll_signal_now() {
                Err(error) => return json!({ "failed": error.to_string() }),
                Ok(Some(signal)) => {
                    let acknowledged = outcome(sdk.acknowledge_signal(signal.signal_type).map(done));
                    if signal.signal_type == SignalType::Pause {
                        sdk.suspended().ok();
                    }
                    return json!({ "stops": true, "signal": signalled(&signal), "acknowledged": acknowledged });
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            }
        },
        other => json!({ "failed": format!("no call {other}") }),
    }
}

/// A state is a text, or a number of bytes that count up.
fn state_of(call: &Value) -> Vec<u8> {
    match &call[2] {
        Value::Number(length) => (0..length.as_u64().unwrap_or(0)).map(|at| (at % 251) as u8).collect(),
        state => state.as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn checkpointed(it: &CheckpointResult) -> Value {
    json!({
        "found": it.found,
        "length": it.state.len(),
        "state": if it.state.len() > 1_000 { Value::Null } else { shown(&it.state) },
        "signal": it.pending_signal.as_ref().map(signalled),
        "custom": it.custom_signal.as_ref().map(|custom| json!({ "id": custom.checkpoint_id, "payload": shown(&custom.payload) })),
    })
}

fn signalled(signal: &Signal) -> Value {
    json!({ "type": format!("{:?}", signal.signal_type), "payload": shown(&signal.payload) })
}

fn signal_type(name: &str) -> SignalType {
    match name {
        "pause" => SignalType::Pause,
        "resume" => SignalType::Resume,
        _ => SignalType::Cancel,
    }
}
