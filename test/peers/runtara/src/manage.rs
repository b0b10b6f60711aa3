use crate::{outcome, text};
use runtara_management_sdk::*;
use serde_json::{json, Value};
use std::io::{BufRead, Write};

pub fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let sdk = ManagementSdk::from_env().expect("an address in RUNTARA_ENVIRONMENT_ADDR");
    for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
        let call: Value = serde_json::from_str(&line).expect("a line is JSON");
        println!("{}", runtime.block_on(obey(&sdk, &call)));
        std::io::stdout().flush().ok();
    }
}

async fn obey(sdk: &ManagementSdk, call: &Value) -> Value {
    let done = |()| json!(true);
    let id = text(call, 1);
    match text(call, 0).as_str() {
        "connect" => outcome(sdk.connect().await.map(done)),
        "health" => outcome(sdk.health_check().await.map(|it| json!({ "healthy": it.healthy, "version": it.version }))),
        "register_image" => {
            let options = RegisterImageOptions::new(&id, text(call, 2), file(call))
                .with_description("of a test").with_runner_type(RunnerType::Native).with_metadata(call[4].clone());
            outcome(sdk.register_image(options).await.map(registered))
        }
        "upload_image" => {
            let bytes = file(call);
            let mut options = RegisterImageStreamOptions::new(&id, text(call, 2), bytes.len() as u64).with_runner_type(RunnerType::Native);
            if let Some(digest) = call[4].as_str() {
                options = options.with_sha256(digest);
            }
            outcome(sdk.register_image_stream(options, bytes.as_slice()).await.map(registered))
        }
        "list_images" => {
            let options = ListImagesOptions::new().with_tenant_id(&id);
            outcome(sdk.list_images(options).await.map(|it| json!({ "total": it.total_count, "images": it.images.iter().map(image).collect::<Vec<_>>() })))
        }
        "get_image" => outcome(sdk.get_image(&id, &text(call, 2)).await.map(|it| it.as_ref().map_or(Value::Null, image))),
        "delete_image" => outcome(sdk.delete_image(&id, &text(call, 2)).await.map(done)),
        "start" => outcome(sdk.start_instance(start_options(&call[1])).await.map(|it| json!({ "success": it.success, "id": it.instance_id, "error": it.error }))),
        "run" => outcome(sdk.run_instance(start_options(&call[1]), std::time::Duration::from_millis(50)).await.map(info)),
        "stop" => outcome(sdk.stop_instance(StopInstanceOptions::new(&id).with_grace_period(call[2].as_u64().unwrap_or(1) as u32).with_reason("a test")).await.map(done)),
        "resume" => outcome(sdk.resume_instance(&id).await.map(done)),
        "status" => outcome(sdk.get_instance_status(&id).await.map(info)),
        "list" => outcome(sdk.list_instances(list_options(&call[1])).await.map(|it| json!({
            "total": it.total_count,
            "instances": it.instances.iter().map(|one| json!({ "id": one.instance_id, "tenant": one.tenant_id, "image": one.image_id, "status": one.status, "hasError": one.has_error })).collect::<Vec<_>>(),
        }))),
        "cancel" => outcome(sdk.cancel_instance(&id, call[2].as_str()).await.map(done)),
        "pause" => outcome(sdk.pause_instance(&id).await.map(done)),
        "signal_resume" => outcome(sdk.send_signal(&id, SignalType::Resume, None).await.map(done)),
        "custom_signal" => outcome(sdk.send_custom_signal(&id, &text(call, 2), call[3].as_str().map(str::as_bytes)).await.map(done)),
        "list_checkpoints" => {
            let options = ListCheckpointsOptions::new().with_limit(call[2].as_u64().unwrap_or(100) as u32).with_offset(call[3].as_u64().unwrap_or(0) as u32);
            outcome(sdk.list_checkpoints(&id, options).await.map(|it| json!({
                "total": it.total_count, "limit": it.limit, "offset": it.offset,
                "checkpoints": it.checkpoints.iter().map(|one| json!({ "id": one.checkpoint_id, "size": one.data_size_bytes })).collect::<Vec<_>>(),
            })))
        }
        "get_checkpoint" => outcome(sdk.get_checkpoint(&id, &text(call, 2)).await.map(|it| it.map_or(Value::Null, |one| json!({ "id": one.checkpoint_id, "data": one.data })))),
        "list_events" => {
            let mut options = ListEventsOptions::new();
            if let Some(kind) = call[2]["type"].as_str() { options = options.with_event_type(kind); }
            if let Some(subtype) = call[2]["subtype"].as_str() { options = options.with_subtype(subtype); }
            if let Some(text) = call[2]["contains"].as_str() { options = options.with_payload_contains(text); }
            outcome(sdk.list_events(&id, options).await.map(|it| json!({
                "total": it.total_count,
                "events": it.events.iter().map(|one| json!({ "type": one.event_type, "subtype": one.subtype, "payload": one.payload })).collect::<Vec<_>>(),
            })))
        }
        "steps" => outcome(sdk.list_step_summaries(&id, ListStepSummariesOptions::new()).await.map(|it| json!(it.total_count))),
        "ancestors" => outcome(sdk.get_scope_ancestors(&id, &text(call, 2)).await.map(|it| json!(it.len()))),
        "metrics" => outcome(sdk.get_tenant_metrics(GetTenantMetricsOptions::new(&id)).await.map(|it| json!({
            "tenant": it.tenant_id,
            "buckets": it.buckets.iter().map(|one| json!({ "all": one.invocation_count, "good": one.success_count, "bad": one.failure_count, "cancelled": one.cancelled_count })).collect::<Vec<_>>(),
        }))),
        "agents" => outcome(sdk.list_agents().await.map(|it| json!(it.len()))),
        other => json!({ "failed": format!("no call {other}") }),
    }
}

fn file(call: &Value) -> Vec<u8> {
    std::fs::read(text(call, 3)).expect("the file of an image")
}

fn registered(it: RegisterImageResult) -> Value {
    json!({ "success": it.success, "id": it.image_id, "error": it.error })
}

fn image(it: &ImageSummary) -> Value {
    json!({ "id": it.image_id, "tenant": it.tenant_id, "name": it.name, "description": it.description, "runner": format!("{:?}", it.runner_type) })
}

fn info(it: InstanceInfo) -> Value {
    serde_json::to_value(it).expect("an instance in JSON")
}

fn start_options(given: &Value) -> StartInstanceOptions {
    let of = |key: &str| given[key].as_str().unwrap_or_default().to_string();
    let mut options = StartInstanceOptions::new(of("image"), of("tenant"));
    if let Some(id) = given["id"].as_str() { options = options.with_instance_id(id); }
    if !given["input"].is_null() { options = options.with_input(given["input"].clone()); }
    if let Some(seconds) = given["timeout"].as_u64() { options = options.with_timeout(seconds as u32); }
    for (key, value) in given["env"].as_object().into_iter().flatten() {
        options = options.with_env_var(key, value.as_str().unwrap_or_default());
    }
    options
}

fn list_options(given: &Value) -> ListInstancesOptions {
    let mut options = ListInstancesOptions::new();
    if let Some(tenant) = given["tenant"].as_str() { options = options.with_tenant_id(tenant); }
    if let Some(image) = given["image"].as_str() { options = options.with_image_id(image); }
    if let Some(prefix) = given["prefix"].as_str() { options = options.with_image_name_prefix(prefix); }
    if let Some(status) = given["status"].as_str() {
        options = options.with_status(serde_json::from_value(json!(status)).expect("a status"));
    }
    if given["oldest"] == true { options = options.with_order_by(ListInstancesOrder::CreatedAtAsc); }
    options.with_limit(given["limit"].as_u64().unwrap_or(100) as u32).with_offset(given["offset"].as_u64().unwrap_or(0) as u32)
}
