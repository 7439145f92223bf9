//! To whom messages are sent, and who waits for whom.

use server::Config;
use store::{Reach, WebhookId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{config, eventually};
use crate::app::{TestApp, administrator};

/// A receiver, and what it is called.
async fn receiver(app: &TestApp) -> (TcpListener, WebhookId) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let added = app.store.create_webhook(&administrator(), &url, Reach::Private).await;
    (listener, added.expect("a webhook").0)
}

/// The next message, which waits for its answer as long as this lives.
async fn receive(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut bytes = [0; 4096];
    assert!(stream.read(&mut bytes).await.expect("sent") > 0);
    stream
}

async fn answer(mut stream: TcpStream) {
    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.expect("answered");
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_keeps_no_other_waiting() {
    let app = TestApp::start_with(Config { webhooks: Reach::Private, ..config() }).await;
    let (slow, slow_id) = receiver(&app).await;
    let (quick, quick_id) = receiver(&app).await;
    let tell = async |id| app.store.test_webhook(&administrator(), id).await.expect("queued");
    tell(slow_id).await;
    let unanswered = receive(&slow).await;
    // While the first one waits for its answer, the other gets three messages, one after the other.
    for told in 1..=3 {
        tell(quick_id).await;
        answer(receive(&quick).await).await;
        eventually("it is noted", async || {
            let webhooks = app.store.list_webhooks(&administrator()).await.expect("reads");
            let [slow, quick] = &webhooks[..] else { panic!("two webhooks") };
            assert_eq!((slow.waiting, slow.last_problem.as_deref()), (1, None), "after {told} others");
            quick.waiting == 0 && quick.last_done_ms.is_some()
        })
        .await;
    }
    // It was one try all the time, and it arrives.
    answer(unanswered).await;
    eventually("the slow one is noted", async || {
        let webhooks = app.store.list_webhooks(&administrator()).await.expect("reads");
        webhooks[0].waiting == 0 && webhooks[0].last_done_ms.is_some()
    })
    .await;
}
