//! Files, in and out.

use super::*;
use parlor_domain::attachment::{FileName, NewAttachment};
use parlor_domain::message::{AuthorId, MessageKind};
use parlor_domain::whatsapp::{GraphError, MediaKind, MediaNotice, OutgoingContent, SendFailure};
use parlor_testkit::{ScriptedMedia, WhatsappCall};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03";

fn image(id: &str, caption: &str) -> Incoming {
    let notice = MediaNotice {
        kind: MediaKind::Image,
        id: id.to_owned(),
        mime: Some("image/png".to_owned()),
        sha256: None,
        file_name: None,
        voice: false,
    };
    Incoming::Media(notice, caption.to_owned())
}

#[tokio::test]
async fn a_picture_is_there_at_once_and_its_bytes_follow() {
    let rig = Rig::new().await;
    rig.platform.has_media("99", ScriptedMedia::whole("image/png", PNG));
    rig.comes("wamid.in.1", image("99", "the dent")).await;
    let first = rig.last().await;
    assert_eq!((first.kind, first.text.as_str(), first.attachments.len()), (MessageKind::File, "the dent", 0));
    // The job was claimed with its commit, as if this node were about to do it.
    rig.world.clock.advance(Duration::from_secs(16));
    rig.work().await;
    let file = rig.last().await.attachments.pop().unwrap();
    assert_eq!(
        (file.name.as_str(), file.mime.as_str(), file.size, file.width, file.height),
        ("image.png", "image/png", 24, Some(2), Some(3))
    );
    assert_eq!(rig.files.count(), 1);
}

#[tokio::test]
async fn what_was_announced_otherwise_is_not_kept() {
    let rig = Rig::new().await;
    let media = ScriptedMedia {
        sha256: Some([7; 32]),
        ..ScriptedMedia::whole("image/png", PNG)
    };
    rig.platform.has_media("99", media);
    rig.comes("wamid.in.1", image("99", "[image]")).await;
    for _ in 0..10 {
        rig.world.clock.advance(Duration::from_secs(12 * 3600));
        rig.work().await;
    }
    let last = rig.last().await;
    assert!(last.attachments.is_empty() && last.metadata.unwrap()["media_error"].is_string());
    assert_eq!(rig.files.count(), 0);
}

#[tokio::test]
async fn a_file_that_the_platform_does_not_give_out_says_so_once() {
    let rig = Rig::new().await;
    rig.comes("wamid.in.1", image("unknown", "[image]")).await;
    rig.world.clock.advance(Duration::from_secs(16));
    rig.work().await;
    assert!(rig.last().await.metadata.unwrap()["media_error"].is_string());
    let asked = rig.platform.calls().len();
    rig.world.clock.advance(Duration::from_secs(3600));
    rig.work().await;
    assert_eq!(rig.platform.calls().len(), asked);
}

#[tokio::test]
async fn fetching_for_a_number_rests_after_failures() {
    let rig = Rig::new().await;
    let temporary = || {
        SendFailure::Refused(GraphError {
            code: 131_000,
            message: "later".to_owned(),
            foreign: false,
        })
    };
    for number in 0..10 {
        rig.platform.has_media(&number.to_string(), ScriptedMedia::whole("image/png", PNG));
        rig.platform.fail_other(temporary());
        rig.comes(&format!("wamid.in.{number}"), image(&number.to_string(), "[image]")).await;
    }
    rig.world.clock.advance(Duration::from_secs(16));
    rig.work().await;
    assert_eq!(rig.platform.calls().len(), 1, "after one failure the others are not even tried");
}

#[tokio::test]
async fn our_file_is_taken_up_and_goes_out_with_its_words() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Do you have a size chart?").await;
    let conversation = rig.conversation().await;
    let store: Arc<dyn Store> = Arc::new(rig.world.store.clone());
    let attachments = AttachmentService::new(
        store,
        Arc::new(rig.files.clone()),
        Arc::new(FakeContentTypes),
        rig.world.clock.clone(),
        Arc::new(SharedIds),
    );
    let new = NewAttachment {
        name: FileName::label("sizes.png"),
        uploaded_by: AuthorId::from(rig.world.fixture.agent.id),
        limit: 1_000,
    };
    let mut upload = attachments.begin(&conversation, new).await.unwrap();
    upload.write(PNG.into()).await.unwrap();
    let file = upload.finish().await.unwrap();
    let message = SendMessage {
        attachments: vec![file.file.id],
        ..SendMessage::text(MessageText::parse("Size chart").unwrap())
    };
    rig.send(message).await;
    rig.work().await;
    let upload = rig.platform.calls().into_iter().find_map(|call| match call {
        WhatsappCall::Upload { name, mime, kind, bytes } => Some((name, mime, kind, bytes.len())),
        _ => None,
    });
    assert_eq!(upload, Some(("sizes.png".to_owned(), "image/png".to_owned(), MediaKind::Image, 24)));
    let sent = rig.platform.sent().pop().unwrap().content;
    assert!(matches!(sent, OutgoingContent::Media { media_id, caption: Some(caption), .. } if media_id == "media.1" && caption == "Size chart"));
    assert_eq!(rig.last().await.attachments.len(), 1);
}
