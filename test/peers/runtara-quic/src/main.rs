//! A program on Runtara's SDK 1.4.1, unmodified: it makes its calls over QUIC and prints what came back.
use runtara_sdk::RuntaraSdk;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sdk = RuntaraSdk::from_env()?;
    sdk.connect().await?;
    sdk.register(None).await?;
    let first = sdk.checkpoint("one", b"state").await?;
    println!("first {}", first.existing_state().is_some());
    let again = sdk.checkpoint("one", b"other").await?;
    let kept = again.existing_state().map(String::from_utf8_lossy);
    println!("again {}", kept.as_deref().unwrap_or("nothing"));
    // More packets than it sends under one key.
    for index in 0..300 {
        sdk.checkpoint(&format!("many-{index}"), &[7; 300]).await?;
    }
    sdk.checkpoint("large", &vec![1; 3_000_000]).await?;
    let large = sdk.get_checkpoint("large").await?.map(|state| state.len());
    println!("large {}", large.unwrap_or(0));
    sdk.sleep(Duration::from_millis(200), "nap", b"").await?;
    sdk.heartbeat().await?;
    sdk.custom_event("note", b"{}".to_vec()).await?;
    println!("signal {}", sdk.poll_signal_now().await?.is_some());
    sdk.completed(b"{\"done\":true}").await?;
    println!("status {:?}", sdk.get_status().await?.status);
    sdk.close().await;
    Ok(())
}
